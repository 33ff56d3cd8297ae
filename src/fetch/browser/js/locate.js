// Scrolls the first element that `selector` matches into view. Returns `{x, y}` of its middle, `{}` if it
// is hidden, or `null` if nothing matches.
function ({ selector }) {
  const it = document.querySelector(selector);
  if (!it) return null;
  it.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const box = it.getBoundingClientRect();
  if (box.width === 0 && box.height === 0) return {};
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}
