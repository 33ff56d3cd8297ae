#!/usr/bin/env python3
"""Serves a small site on 127.0.0.1 for the screenshots and the commands of the guide.

Usage: site.py [PORT]    The port defaults to 8000; 0 selects a free one. Only the standard library is used.

/bread    a recipe with structured data
/salt     a product whose price is on the page only
/news     an article whose text a Next.js app ships as data: tier 3.5 reads it
/guarded  refuses clients that do not look like a browser: tier 2 reads it
/app      an empty document that a script fills: only a browser reads it
others    404
"""

import http.server
import json
import sys

BREAD = """<!doctype html>
<html lang="en">
<head>
  <title>Farmhouse bread</title>
  <script type="application/ld+json">
  {"@context": "https://schema.org", "@type": "Recipe", "name": "Farmhouse bread", "recipeYield": "2 loaves",
   "author": {"@type": "Person", "name": "Ann Miller"},
   "prepTime": "PT20M", "cookTime": "PT40M",
   "recipeIngredient": ["1 kg strong white flour", "650 ml water", "20 g salt", "10 g dried yeast"],
   "recipeInstructions": ["Mix everything and knead for ten minutes.", "Leave to rise for two hours.",
                          "Shape two loaves and bake at 230 °C for 40 minutes."]}
  </script>
</head>
<body>
  <nav><a href="/">Home</a> <a href="/salt">Shop</a></nav>
  <main>
    <h1>Farmhouse bread</h1>
    <p>A plain white loaf with a crisp crust. It needs <strong>four ingredients</strong> and an afternoon.</p>
    <ul>
      <li>1 kg strong white flour</li>
      <li>650 ml water</li>
      <li>20 g <a href="/salt">salt</a></li>
      <li>10 g dried yeast</li>
    </ul>
    <p>Mix everything and knead for ten minutes. Leave to rise for two hours. Shape two loaves and bake at 230 °C
    for 40 minutes.</p>
  </main>
  <footer>© The bakery. All rights reserved. <a href="/privacy">Privacy</a></footer>
</body>
</html>
"""

SALT = """<!doctype html>
<html lang="en">
<head><title>Sea salt, 500 g</title>
<script type="application/ld+json">
{"@context": "https://schema.org", "@type": "Product", "name": "Sea salt, 500 g", "sku": "SALT-500",
 "brand": {"@type": "Brand", "name": "Tideline"},
 "offers": {"@type": "Offer", "price": "4.90", "priceCurrency": "EUR", "availability": "https://schema.org/InStock"}}
</script></head>
<body><main><h1>Sea salt, 500 g</h1>
<p>Hand-harvested, unrefined sea salt from the Atlantic coast, in a resealable bag. The grain is coarse and slightly
damp, which suits salt crusts, pasta water and bread.</p>
<p>€4.90 <button>Add to cart</button></p></main></body>
</html>
"""

STORY = {
    "title": "Mill reopens after forty years",
    "author": "Ben Carter",
    "publishedAt": "2026-03-02",
    "body": "The water mill at the edge of the village grinds flour again. Volunteers spent six winters on the wheel, "
    "the stones and the roof. Its first sacks go to the school kitchen, and the rest is sold at the Saturday market.",
}

NEWS = f"""<!doctype html>
<html lang="en"><head><title>Village news</title></head>
<body><div id="__next"></div>
<script id="__NEXT_DATA__" type="application/json">{json.dumps({"props": {"pageProps": {"article": STORY}}})}</script>
</body></html>
"""

GUARDED = """<!doctype html>
<html lang="en"><head><title>Rye starter</title></head>
<body><nav><a href="/">Home</a> <a href="/salt">Shop</a></nav>
<article><h1>Rye starter</h1>
<p>Stir equal weights of rye flour and water, cover, and feed it once a day for a week.</p>
<p>It is ready when it doubles within four hours, rises evenly, and smells of apples, not of vinegar.</p>
<ul><li>Day 1: 50 g rye flour, 50 g water</li><li>Days 2 to 7: the same again, after removing half</li></ul>
</article></body></html>
"""

APP = """<!doctype html>
<html lang="en"><head><title>Opening hours</title>
<style>body { font: 20px sans-serif; margin: 3rem; color: #333 } h1 { color: #8a4b08 }</style></head>
<body><div id="root"></div>
<script>
document.getElementById("root").innerHTML =
  "<h1>Opening hours</h1><p>Tuesday to Saturday, 7 to 13. The bakery is closed on Sunday and Monday.</p>";
</script></body></html>
"""

PAGES = {"/bread": BREAD, "/salt": SALT, "/news": NEWS, "/app": APP}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        browser = self.headers.get("User-Agent", "").startswith("Mozilla/")
        if self.path == "/guarded":
            body = GUARDED if browser else "<title>Access denied</title><h1>Access denied</h1>"
            self.answer(200 if browser else 403, body)
        elif self.path in PAGES:
            self.answer(200, PAGES[self.path])
        else:
            self.answer(404, "<title>Not found</title><h1>Not found</h1>")

    def answer(self, status, body):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"serving http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
