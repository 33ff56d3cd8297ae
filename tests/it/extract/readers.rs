//! The reader of ordinary pages, beside html5ever.

use rungs::extract::{ReaderComparison, compare_readers};

/// Checks that both readers see the same pages.
fn equal(pages: &[&str]) {
    for page in pages {
        assert_eq!(compare_readers(page), ReaderComparison::Equal, "{page}");
    }
}

fn refused(pages: &[&str]) {
    for page in pages {
        assert_eq!(compare_readers(page), ReaderComparison::Refused, "{page}");
    }
}

#[test]
fn left_out_tags_are_added_as_html5ever_adds_them() {
    equal(&[
        "",
        " ",
        "text",
        "<p>one<p>two",
        "<title>t</title><p>one",
        "<!doctype html><link><p>one</body> two <!-- c --> three</html> four",
        "<head></head><title>late</title><body>x",
        "<html lang=en><body><html><body>x",
        "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>",
        "<dl><dt>a<dd>b<dt>c</dl>",
        "<select><option>a<optgroup><option>b<hr></select>",
        "<h1>a<h2>b</h1>c",
        "</p></br><p></li></div>",
        "<ruby>a<rb>b<rt>c<rtc>d<rp>e</ruby>",
    ]);
}

#[test]
fn tables_are_built_as_html5ever_builds_them() {
    equal(&[
        "<table><tr><td>a<td>b<tr><th>c</table>d",
        "<table><td>a",
        "<table><caption>c<b>d</caption><col><tbody><tr><td></b>e</table>",
        "<table><tr><td><table><tr><td>in</td></table></td></tr></table>",
        "<table> <tr> <td> a </td> </tr> <script>x</script></table>",
        "<table><form><input type=hidden><tr><td></form></table>",
        "<p>a<table><tr><td>b</table>",
        "<!doctype html><p>a<table><tr><td>b</table>",
        "<table><tr><td>a</div></tbody></caption></table>",
        "<table><thead><tr><th>a<tfoot><tr><td>b</table>",
    ]);
}

#[test]
fn formatting_elements_are_opened_again_as_html5ever_does() {
    equal(&[
        "<p><b>one<p>two</b>three",
        "<b><b><b><b><p>x</p></b></b>y",
        "<a href=1>x<a href=2>y</a>z",
        "<p><i><b>x</i>y</b>z",
        "<b>a<button>b</button>c</b><object><i>d</object>e",
        "<font color=red size=2><p>a</p></font>",
    ]);
}

#[test]
fn texts_and_attributes_are_decoded_as_html5ever_decodes_them() {
    equal(&[
        "a &amp; b &notit; &#65&#x80; &; &unknown; &lt",
        "<a href='?a=1&copy=2&amp;b=3' title=\"&quot;x&quot;\" A=b a=c =d>x</a>",
        "a < b </> c <!-- d --> e <!--> f <?g?> h <![CDATA[i]]> j </",
        "<pre>\n\nx</pre><textarea>\n&lt;b></textarea><title>a<b></title>",
        "one\r\ntwo\rthree<pre>\r\nfour</pre>",
        "<script>if (a < b && c) { '</scrip' }</script><style>a > b {}</style>",
        "<P CLASS=X>a</P><X-Y>b</x-y>",
        "<p title='a>b'>x<p a=b/>y<br/>z<img src=a alt=b",
        "\u{feff}<p>marked",
    ]);
}

#[test]
fn templates_are_read_as_html5ever_reads_them() {
    equal(&[
        "<template><p>a</template>b",
        "<template><td>a<td>b</template><template><li>a</template>",
        "<div><template>a<template>b</template></template>c</div></template>",
    ]);
}

#[test]
fn hidden_parts_and_buttons_are_the_same_for_both_readers() {
    equal(&[
        "<p style='opacity:0'>a</p><p style='font-size:0'><span style='font-size:1em'>b</span></p>",
        "<div style='display:none'>a<div hidden>b</div></div><div class='tab-content' hidden>c</div>",
        "<button aria-expanded=false aria-controls=x>Is it open on Sundays?</button><p id=x hidden>Yes",
        "<svg><title>a</title><path></svg>b<svg>c",
    ]);
}

#[test]
fn a_page_whose_nodes_would_move_is_refused() {
    refused(&[
        "<table>loose</table>",
        "<table><tr><div>a</div></tr></table>",
        "<b>a<p>b</b>c",
        "<a>x<div>y</a>z</div>",
        "<frameset><frame></frameset>",
        "<head></head> <title>late</title>",
        "<body class=a><body class=b>",
        "nul \0",
    ]);
}
