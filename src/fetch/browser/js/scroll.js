// Scrolls to the end of the page. Returns the height of the page.
function () {
  const root = document.scrollingElement || document.documentElement;
  window.scrollTo(0, root.scrollHeight);
  return root.scrollHeight;
}
