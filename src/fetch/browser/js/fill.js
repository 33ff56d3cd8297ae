// Focuses the first field that `selector` matches and selects its content. Returns `"typed"` if text can
// be typed, `"chosen"` if the field is a list and the value was chosen, or else the reason.
function ({ selector, value }) {
  const it = document.querySelector(selector);
  if (!it) return 'nothing matches the selector';
  it.scrollIntoView({ block: 'center', behavior: 'instant' });
  if (it instanceof HTMLSelectElement) {
    const option = [...it.options].find((one) => one.value === value || one.label === value);
    if (!option) return 'the list does not have this value';
    it.value = option.value;
    it.dispatchEvent(new Event('input', { bubbles: true }));
    it.dispatchEvent(new Event('change', { bubbles: true }));
    return 'chosen';
  }
  if (it.disabled || it.readOnly) return 'the field cannot be changed';
  it.focus();
  if (typeof it.select === 'function') it.select();
  else if (it.isContentEditable) getSelection().selectAllChildren(it);
  else return 'the element is not a field';
  return 'typed';
}
