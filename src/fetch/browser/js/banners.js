// Removes consent banners: those of known vendors by selector, and overlays that mention cookies or
// consent. Returns the number of removed elements.
function () {
  const KNOWN = [
    '#onetrust-consent-sdk', '#onetrust-banner-sdk', '#CybotCookiebotDialog', '#CybotCookiebotDialogBodyUnderlay',
    '#didomi-host', '#usercentrics-root', '#usercentrics-cmp-ui', '#truste-consent-track', '.truste_overlay',
    '.truste_box_overlay', '#qc-cmp2-container', '.qc-cmp2-container', '.osano-cm-window', '#iubenda-cs-banner',
    '#cookiescript_injected', '.klaro', '#klaro', '.cc-window', '.cky-consent-container', '.cky-overlay',
    '#cmplz-cookiebanner-container', '#moove_gdpr_cookie_info_bar', '#cookie-law-info-bar', '#BorlabsCookieBox',
    '#axeptio_overlay', '#sp-cc', '[id^="sp_message_container"]', '#tarteaucitronRoot', '#cmpbox', '#cmpbox2',
    '#cookie-notice', '#CookieConsent', '#ccc-overlay', '#hs-eu-cookie-confirmation', '.fc-consent-root',
  ];
  let removed = 0;
  const drop = (it) => { it.remove(); removed += 1; };
  for (const selector of KNOWN) document.querySelectorAll(selector).forEach(drop);

  const NAMED = /cookie|consent|gdpr|ccpa|privacy-?(banner|notice|bar|popup)/i;
  const SPEAKS = /cookies?\b|consent|einwillig|datenschutz|confidentialité|témoins|privacidad|galletas/i;
  const named = document.querySelectorAll(
    '[id*="cookie" i], [class*="cookie" i], [id*="consent" i], [class*="consent" i], [id*="gdpr" i], ' +
    '[class*="gdpr" i], [role="dialog"], [aria-modal="true"], dialog[open]');
  let looked = 0;
  for (const it of named) {
    if ((looked += 1) > 500) break;
    if (!it.isConnected || it === document.body || it === document.documentElement) continue;
    if (it.closest('main, article') && !it.matches('[role="dialog"], dialog')) continue;
    const style = getComputedStyle(it);
    const over = style.position === 'fixed' || style.position === 'sticky' || it.matches('dialog[open]');
    if (!over) continue;
    const text = (it.innerText || '').slice(0, 4000);
    const names = NAMED.test(it.id + ' ' + it.getAttribute('class'));
    if (text.length < 4000 && SPEAKS.test(text) && (names || it.querySelector('button, [role="button"], input'))) {
      drop(it);
    }
  }
  if (removed > 0) {
    for (const it of [document.documentElement, document.body]) {
      if (it && getComputedStyle(it).overflowY === 'hidden') it.style.setProperty('overflow', 'visible', 'important');
    }
  }
  return removed;
}
