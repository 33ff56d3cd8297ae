"""Draws the images of the OCR tests: our own words in DejaVu Sans. Needs Pillow; run it in this folder."""

from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def page(lines):
    image = Image.new("L", (560, 40 + 60 * len(lines)), 255)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        pen.text((30, 20 + 60 * row), line, fill=0, font=ImageFont.truetype(FONT, 36))
    return image


bread = page(["Bread needs four things:", "flour, water, salt, time."])
bread.convert("1").save("bread.png", optimize=True)
bread.save("bread.jpg", quality=60)
bread.convert("RGB").save("bread.webp", quality=60)
bread.convert("1").save("bread.tif", compression="group4")
bread.convert("P").quantize(4).save("bread.gif")

german = page(["Schöne Grüße aus Köln,", "der Käse wäre süß."])
german.convert("1").save("cheese.png", optimize=True)

# Two pages in one file.
pages = [page([line]).convert("1") for line in ("The first page", "The second page")]
pages[0].save("pages.tif", compression="group4", save_all=True, append_images=pages[1:])

# Upside down, with eight bits per pixel and without filters, which a test can undo by itself.
bread.convert("1").convert("L").rotate(180).save("upside-down.png", compress_type=0)
