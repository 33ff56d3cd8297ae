// Scrolls to the end of the page, and says how long it is then.
function () {
  const root = document.scrollingElement || document.documentElement;
  window.scrollTo(0, root.scrollHeight);
  return root.scrollHeight;
}
