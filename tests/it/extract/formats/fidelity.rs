//! Markup that other converters lose: tables with blocks, code with controls, late images, touching marks.

use rungs::core::request::{Format, Item};
use serde_json::Value;

use super::{made, read};

const STORY: &str = "<p>A kiln is an oven for clay, built of bricks that stand the heat, and it is fired for \
    a day and a night.</p><p>The pots are stacked from the back, with a hand's width between them.</p>";

fn in_format(part: &str, format: Format) -> String {
    match made(&format!("<main><h1>Kilns</h1>{STORY}{part}</main>"), format) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Checks the markdown of each part: what it holds, and what it must not hold.
#[track_caller]
fn assert_markdown(cases: &[(&str, &str, &str)]) {
    for (part, has, lacks) in cases {
        let markdown = in_format(part, Format::Markdown);
        assert!(markdown.contains(has), "{part}\nlacks {has:?}:\n{markdown}");
        assert!(
            lacks.is_empty() || !markdown.contains(lacks),
            "{part}\nholds {lacks:?}:\n{markdown}"
        );
    }
}

#[test]
fn a_cell_with_blocks_keeps_its_table() {
    assert_markdown(&[
        (
            "<table><tr><td>Mon<td>9-12<br>13-17<tr><td>Tue<td>closed</table>",
            "| Tue | closed |",
            "",
        ),
        ("<table><tr><td>a<td><div>Up</div><div>Low</div></table>", "| a | Up<br>Low |", ""),
        (
            "<table><tr><th>N<th>E<tr><td>fire<td><pre>fire --hot\nfire -x</pre></table>",
            "| fire | `fire --hot`<br>`fire -x` |",
            "",
        ),
        ("<table><tr><td>a<td><ul><li>b<li>c</ul></table>", "| a | - b<br>- c |", ""),
        ("<table><tr><td>a<td><ol><li>b<li>c</ol></table>", "| a | 1. b<br>2. c |", ""),
        ("<table><tr><td>a<td><h3>b</h3>c<hr>d</table>", "| a | b<br>c<br>d |", ""),
        ("<table><tr><td>a<td><blockquote>b</blockquote></table>", "| a | b |", ""),
    ]);
}

#[test]
fn spans_of_cells_end_with_their_row_group() {
    let head = "<table><thead><tr><th>R<th>T<th>U</thead><tbody>";
    let zero = format!("{head}<tr><td rowspan=0>EU<td>Cable<td>12<tr><td>Hub<td>7</table>");
    let long = format!(
        "{head}<tr><td rowspan=5>EU<td>Cable<td>12</tbody><tfoot><tr><td>All<td>T<td>19</table>"
    );
    let corner = "<table><tr><td><th>2009<th>2010<tr><th>Place<td>pass<td>fail</table>";

    assert_markdown(&[
        (&zero, "|  | Hub | 7 |", ""),
        (&long, "| All | T | 19 |", "|  | All |"),
        (corner, "|  | 2009 | 2010 |\n| --- | --- | --- |", ""),
    ]);
    let text =
        in_format("<table><tr><th>A<th>B<tr><td rowspan=2>x<td>1<tr><td>2</table>", Format::Text);
    assert!(text.contains("x | 1\n\n | 2"), "{text}");
}

#[test]
fn controls_and_line_numbers_are_no_code() {
    let rouge = "<pre><code><table><tr><td class=gutter><pre>1\n2\n3\n</pre><td><pre>def a\n  one\nend\n</pre>\
        </table></code></pre>";
    assert_markdown(&[
        ("<pre><button>Copy</button><code>make</code></pre>", "make", "Copy"),
        ("<pre><style>.a{}</style><code>make</code><script>x()</script></pre>", "make", "x()"),
        (
            "<pre><span aria-hidden=true>12</span><code>let a;\nlet b;</code></pre>",
            "let a;\nlet b;",
            "12",
        ),
        (
            "<pre><code><i class=hl-gutter>1</i>class A\n<i class=hl-gutter>2</i>{}</code></pre>",
            "class A\n{}",
            "1",
        ),
        (
            "<pre><code><i>1</i>one\n<i>2</i>two\n<i>3</i>three</code></pre>",
            "one\ntwo\nthree",
            "1one",
        ),
        ("<code><div>let a;</div><div>let b;</div></code>", "let a;\nlet b;", ""),
        (rouge, "def a\n  one\nend", "1\n2"),
    ]);
}

#[test]
fn spans_of_code_stay_apart_from_other_marks() {
    assert_markdown(&[
        ("<p>x <code>ab</code><b><code>cd</code></b> y</p>", "`ab`**`cd`**", ""),
        ("<p>x <code>Vec</code><a href=/t><code>T</code></a> y</p>", "`Vec`[`T`](", ""),
        ("<p>Use<code> make </code>to build</p>", "Use `make` to", ""),
        ("<p>Type <code>cd kiln<br>make</code> now</p>", "`cd kiln make`", ""),
        ("<p><b>a</b><b><code>b</code></b> c</p>", "**a`b`**", "****"),
        ("<p><b>C:\\Users\\ </b>x</p>", "**C:\\Users\\\\** x", ""),
        ("<p><em>foo <em>bar</em> baz</em></p>", "*foo _bar_ baz*", ""),
        ("<p><b style='font-weight: normal'>plain</b></p>", "plain", "**plain"),
    ]);
}

#[test]
fn addresses_stay_byte_for_byte() {
    assert_markdown(&[
        (
            "<p>See https://example.com/pkg/__init__.py for it</p>",
            "https://example.com/pkg/__init__.py",
            "\\_",
        ),
        ("<p><a href='/a_(b)'>x</a> y</p>", "](https://shop.example/a_(b))", ""),
        ("<p><a href='/a_(b'>x</a> y</p>", "](<https://shop.example/a_(b>)", "%28"),
    ]);
    let based = read(
        format!("<base target=_top><base href=/c/><main>{STORY}<p><a href=d>x</a> y</p></main>")
            .as_bytes(),
        Some("text/html"),
        Item::get(super::URL).formats([Format::Markdown]),
    );
    let markdown = based.expect("a page").content[&Format::Markdown].to_string();
    assert!(markdown.contains("https://shop.example/c/d"), "{markdown}");
}

#[test]
fn an_image_that_loads_late_has_its_address_in_every_format() {
    for image in [
        "<img data-src=/p.jpg alt=P>",
        "<img src=/placeholder.png data-srcset='/p.jpg 1x, /q.jpg 2x' alt=P>",
        "<img src='data:image/gif;base64,AA' data-lazy=/i/p.jpg alt=P>",
        "<img srcset='/p.jpg 1x, /q.jpg 2x' alt=P>",
        "<picture><source srcset='/p.jpg 2x'><img alt=P></picture>",
        "<img class=lazy alt=P><noscript><img src=/p.jpg alt=P></noscript>",
        "<amp-img src=/p.jpg alt=P></amp-img>",
    ] {
        let part = format!("<p>{image} Then on.</p>");
        for format in [Format::Markdown, Format::Html] {
            let made = in_format(&part, format);
            assert!(made.contains("/p.jpg") && !made.contains("placeholder"), "{image}: {made}");
        }
    }
    let commas =
        "<p><img srcset='/c_fill,f_auto/p.jpg 320w, /c_fill,f_auto/q.jpg 640w' alt=P> x</p>";
    assert!(in_format(commas, Format::Markdown).contains("/c_fill,f_auto/p.jpg)"));
}

#[test]
fn items_keep_their_numbers() {
    assert_markdown(&[
        ("<ol><li>a<li></li><li>c</ol>", "1. a\n2.\n3. c", ""),
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c", ""),
        ("<ol start=5><li value=7>a<li>b</ol>", "7. a\n8. b", ""),
    ]);
    let html = in_format(
        "<ol reversed><li value=7>x</ol><pre><code class=language-js>y</code></pre>",
        Format::Html,
    );
    assert!(html.contains("<li value=\"7\">") && html.contains("class=\"language-js\""), "{html}");
}

#[test]
fn a_formula_without_source_keeps_its_layout() {
    let cell = |it: u32| format!("<mtd><mn>{it}</mn></mtd>");
    let matrix = format!(
        "<mtable><mtr>{}{}</mtr><mtr>{}{}</mtr></mtable>",
        cell(1),
        cell(0),
        cell(2),
        cell(3)
    );
    let part = format!(
        "<p>M = <math><mfenced open='[' close=']'>{matrix}</mfenced></math> and \
         <math><mroot><mi>x</mi><mn>3</mn></mroot></math>.</p>"
    );

    let text = in_format(&part, Format::Text);

    assert!(text.contains("[1, 0; 2, 3]") && text.contains("∛(x)"), "{text}");
}

#[test]
fn an_xhtml_page_may_close_any_element_in_its_own_tag() {
    let page = format!(
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>K</title>\
         <script src='a.js' /></head><body><div id='top' /><h1>Kilns</h1>{STORY}</body></html>"
    );

    let read = read(page.as_bytes(), Some("application/xhtml+xml"), Item::get(super::URL));

    assert!(read.expect("a page").text.contains("an oven for clay"));
}
