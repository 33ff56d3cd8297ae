// Waits until the document has changed and then stayed the same for `quiet` milliseconds. Returns `false` if
// nothing changed within `ms` milliseconds.
function ({ ms, quiet }) {
  return new Promise((resolve) => {
    let changed = false;
    let settled;
    const end = () => { observer.disconnect(); clearTimeout(late); clearTimeout(settled); resolve(changed); };
    const observer = new MutationObserver(() => {
      changed = true;
      clearTimeout(settled);
      settled = setTimeout(end, quiet);
    });
    observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    const late = setTimeout(end, ms);
  });
}
