// Waits for `selector` to match. Returns `true` if it does within `ms` milliseconds.
function ({ selector, ms }) {
  const found = () => document.querySelector(selector) !== null;
  if (found()) return true;
  return new Promise((resolve) => {
    const end = (value) => { observer.disconnect(); clearInterval(poll); clearTimeout(late); resolve(value); };
    const look = () => { if (found()) end(true); };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    // States such as :checked and :target change without a mutation.
    const poll = setInterval(look, 100);
    const late = setTimeout(() => end(found()), ms);
  });
}
