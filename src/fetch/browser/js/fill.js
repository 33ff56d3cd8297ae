// Puts the caret into the first field that `selector` matches, with what it holds selected:
// `"typed"` if it can be typed into, `"chosen"` if it was a list and the value was taken, or why not.
function ({ selector, value }) {
  const it = document.querySelector(selector);
  if (!it) return 'nothing matches the selector';
  it.scrollIntoView({ block: 'center', behavior: 'instant' });
  if (it instanceof HTMLSelectElement) {
    const option = [...it.options].find((one) => one.value === value || one.label === value);
    if (!option) return 'the list has no such value';
    it.value = option.value;
    it.dispatchEvent(new Event('input', { bubbles: true }));
    it.dispatchEvent(new Event('change', { bubbles: true }));
    return 'chosen';
  }
  if (it.disabled || it.readOnly) return 'the field cannot be changed';
  it.focus();
  if (typeof it.select === 'function') it.select();
  else if (it.isContentEditable) getSelection().selectAllChildren(it);
  else return 'the element is no field';
  return 'typed';
}
