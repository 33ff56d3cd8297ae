// Describes what the document shows, to tell a page from one that is still coming.
function () {
  const body = document.body;
  const shown = body ? (body.innerText || '') : '';
  const text = shown.slice(0, 20000).replace(/\s+/g, ' ').trim();
  const meta = document.querySelector('meta[http-equiv="refresh" i]');
  const root = document.querySelector('frameset');
  const mount = document.querySelector(
    '#root, #app, #__next, #__nuxt, #___gatsby, #app-root, #react-root, #main-app, #q-app, #svelte, #mount, app-root');
  // Timers cannot be seen from outside. The delays that inline scripts write down can.
  const script = Array.from(document.scripts, (it) => it.src ? '' : it.text.slice(0, 20000)).join(' ').slice(0, 100000);
  const delays = /\bset(?:Timeout|Interval)\b/.test(script)
    ? Array.from(script.matchAll(/,\s*(\d{3,5})\s*\)/g), (it) => Number(it[1])) : [];
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
    unfilled: mount !== null && mount.childElementCount === 0 && mount.textContent.trim() === '',
    delay: Math.max(0, ...delays.filter((it) => it <= 10000)),
  };
}
