// Describes what the document shows, to tell a page from one that is still coming.
function () {
  const body = document.body;
  const shown = body ? (body.innerText || '') : '';
  const text = shown.slice(0, 20000).replace(/\s+/g, ' ').trim();
  const meta = document.querySelector('meta[http-equiv="refresh" i]');
  const root = document.querySelector('frameset');
  return {
    text: text.slice(0, 600).toLowerCase(),
    length: text.length,
    title: document.title.slice(0, 200).toLowerCase(),
    refresh: meta ? meta.content.slice(0, 4000) : '',
    base: document.baseURI,
    url: document.URL,
    scripts: document.scripts.length,
    media: document.querySelectorAll('img, svg, video, canvas, object, embed').length,
    frames: document.querySelectorAll('frame, iframe[src]').length,
    frameset: root !== null,
  };
}
