// Serializes the document: returns `{html, url}`, or `{nodes}` or `{bytes}` if it is over a limit. With `most` above `bytes`,
// a document between the two is cut: its `html` ends anywhere, and `size` is that of the whole, null if it is not known.
// With `flatten`, shadow trees are inlined where they are rendered, with their slots filled.
function ({ flatten, nodes, bytes, most }) {
  const count = document.getElementsByTagName('*').length;
  if (count > nodes) return { nodes: count };
  const escape = (text) =>
    text.replace(/&/g, '&amp;').replace(/\u00a0/g, '&nbsp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const quote = (text) => text.replace(/&/g, '&amp;').replace(/\u00a0/g, '&nbsp;').replace(/"/g, '&quot;');
  const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta',
    'param', 'source', 'track', 'wbr']);
  const RAW = new Set(['script', 'style', 'xmp', 'iframe', 'noembed', 'noframes', 'plaintext', 'noscript']);

  // Without recursion: a page may be nested deeper than the stack.
  const flattened = (root) => {
    const out = [];
    let length = 0;
    const put = (text) => { out.push(text); length += text.length; };
    const work = [root];
    while (work.length > 0 && length <= bytes) {
      const it = work.pop();
      if (typeof it === 'string') { put(it); continue; }
      if (it.nodeType === Node.TEXT_NODE) {
        const parent = it.parentNode && it.parentNode.localName;
        put(RAW.has(parent) ? it.data : escape(it.data));
        continue;
      }
      if (it.nodeType !== Node.ELEMENT_NODE) continue;
      const name = it.localName;
      let children;
      if (name === 'slot' && it.getRootNode() instanceof ShadowRoot) {
        const given = it.assignedNodes();
        children = given.length > 0 ? given : it.childNodes;
      } else {
        put('<' + name);
        for (const { name: key, value } of it.attributes) put(' ' + key + '="' + quote(value) + '"');
        put('>');
        if (VOID.has(name)) continue;
        work.push('</' + name + '>');
        const source = it.shadowRoot || (name === 'template' ? it.content : it);
        children = source.childNodes;
      }
      for (let at = children.length - 1; at >= 0; at -= 1) work.push(children[at]);
    }
    return out.join('');
  };

  const type = document.doctype ? '<!DOCTYPE ' + document.doctype.name + '>' : '';
  const root = document.documentElement;
  if (!root) return { html: '', url: document.URL };
  const html = type + (flatten ? flattened(root) : root.outerHTML);
  // UTF-16 units: UTF-8 needs one to three bytes for each, so a document over the limit here is over it there.
  if (html.length <= bytes) return { html, url: document.URL };
  const size = flatten ? null : new Blob([html]).size;
  if (most <= bytes || size > most) return { bytes: size ?? html.length };
  // Half of a pair is no character, and cannot be sent.
  return { html: html.slice(0, bytes).replace(/[\ud800-\udbff]$/, ''), cut: true, size, url: document.URL };
}
