//! Markdown of whole documents.

use rungs::extract::convert;

#[test]
fn a_document_is_converted_whole_and_its_addresses_stay_as_written() {
    let html = "<nav><a href='/x?(y)'>Home</a></nav><p><img src=a.png alt=A title='The &quot;A&quot;'></p>";

    assert_eq!(convert(html, None), "[Home](/x?(y))\n\n![A](a.png \"The \\\"A\\\"\")");
    assert!(
        convert(html, Some("https://a.example/b/"))
            .ends_with("![A](https://a.example/b/a.png \"The \\\"A\\\"\")")
    );
}

#[test]
fn marks_after_a_break_are_escaped_too() {
    let markdown = convert("<p>a<br># b<br>- c<br>1. d<br>+ e<br>> f<br>=</p>", None);

    assert_eq!(markdown, "a  \n\\# b  \n\\- c  \n1\\. d  \n\\+ e  \n\\> f  \n\\=");
}

#[test]
fn emphasis_touches_its_words_and_joins_its_neighbour() {
    assert_eq!(convert("<p>a <b> b </b>c</p>", None), "a **b** c");
    assert_eq!(convert("<b>a</b><b>b</b><strong><b>c</b></strong>", None), "**abc**");
    assert_eq!(convert("<p>a<i> </i>b<i></i>c</p>", None), "a bc");
}

#[test]
fn lists_that_follow_each_other_stay_apart() {
    assert_eq!(convert("<ul><li>a</ul><ul><li>b</ul>", None), "- a\n\n* b");
    assert_eq!(convert("<ol><li>a</ol><ol start=5><li>b</ol>", None), "1. a\n\n5) b");
    assert_eq!(convert("<ul><li><ul><li>a</ul><li>b</ul>", None), "- - a\n- b");
}

#[test]
fn text_between_items_continues_the_previous_item() {
    assert_eq!(convert("<ul><li>a</li><ul><li>b</ul><li>c</ul>", None), "- a\n  - b\n- c");
    assert_eq!(convert("<ol><li>a</li> and<li>b</ol>", None), "1. a and\n2. b");
    assert_eq!(convert("<ul><div>a</div><div>b</div></ul>", None), "- a\n\n  b");
}

#[test]
fn a_mark_beside_a_letter_is_set_apart_where_it_would_not_be_one() {
    assert_eq!(convert("<p>a<b><code>b</code></b>c</p>", None), "a **`b`** c");
    assert_eq!(convert("<p>a<i>b</i>c</p>", None), "a*b*c");
    assert_eq!(convert("<p>(<b>(a)</b>)</p>", None), "(**(a)**)");
}

#[test]
fn adjacent_code_spans_are_joined() {
    assert_eq!(convert("<p>a <code>b</code><code>c</code> d</p>", None), "a `bc` d");
    assert_eq!(convert("<p><code>b</code><code>`</code></p>", None), "`b` `` ` ``");
    assert_eq!(convert("<code><pre>a\nb</pre></code>", None), "```\na\nb\n```");
}

#[test]
fn a_code_block_loses_its_line_numbers() {
    for (html, markdown) in [
        ("<pre><code>\n a\n\n</code></pre>", "```\n\n a\n\n```"),
        ("<pre><code></code></pre><pre></pre>", "```\n\n```"),
        ("<pre><div>a</div><div>b</div></pre>", "```\na\nb\n```"),
        ("<pre><i class=lineno>1</i>a\n<i class=lineno>2</i>b</pre>", "```\na\nb\n```"),
        ("<table><tr><td><pre>9\n10</pre><td><pre>a\nb</pre></table>", "```\na\nb\n```"),
        (
            "<table><tr><td><pre>9\n11</pre><td><pre>a</pre></table>",
            "|  |  |\n| --- | --- |\n| `9`<br>`11` | `a` |",
        ),
        ("<pre>a<br>b</pre>", "```\na\nb\n```"),
    ] {
        assert_eq!(convert(html, None), markdown, "{html}");
    }
    assert_eq!(convert("<p>a<code> </code>b<code></code></p>", None), "a` `b");
}

#[test]
fn the_code_language_is_read_from_every_highlighter() {
    for html in [
        "<pre><code class='hljs language-go'>x</code></pre>",
        "<pre class='brush: go; toolbar: false'>x</pre>",
        "<div class='highlight highlight-source-go'><pre>x</pre></div>",
        "<div class='highlight-go notranslate'><div class=highlight><pre>x</pre></div></div>",
        "<pre class='hljs go'>x</pre>",
        "<pre class='sourceCode go'><code class='sourceCode go'>x</code></pre>",
        "<pre data-lang=go><code>x</code></pre>",
    ] {
        assert_eq!(convert(html, None), "```go\nx\n```", "{html}");
    }
    let two = "<div class='language-go'><pre>x</pre><pre>y</pre></div><pre class='big red'>z</pre>";
    assert_eq!(convert(two, None), "```\nx\n```\n\n```\ny\n```\n\n```\nz\n```");
}

#[test]
fn items_keep_their_own_numbers_and_boxes() {
    let tasks = "<ul><li><input type=checkbox checked disabled> a<li><p><input type=checkbox disabled>b\
        <li><input type=checkbox>c<li>d</ul>";

    assert_eq!(convert("<ol><li value=5>a<li>b<li value=9>c</ol>", None), "5. a\n6. b\n9. c");
    assert_eq!(
        convert("<ol start=99999999999><li>a<li>b</ol>", None),
        "999999999. a\n999999999. b"
    );
    assert_eq!(convert(tasks, None), "- [x] a\n- [ ] b\n- c\n- d");
    assert_eq!(convert("<menu><li>a<li>b</menu>", None), "- a\n- b");
}

#[test]
fn only_ambiguous_characters_are_escaped() {
    for plain in ["snake_case_name", "C:\\dir", "a < b", "a?b=1&c=2", "AT&T", "~x~", "|a|"] {
        assert_eq!(convert(&plain.replace('<', "&lt;"), None), plain);
    }
    for (html, markdown) in [
        ("_a_ __b__", "\\_a\\_ \\_\\_b\\_\\_"),
        ("\\* \\", "\\\\\\* \\\\"),
        ("&lt;b> &lt;", "\\<b> \\<"),
        ("&amp;amp; &amp;#49; &amp;amp", "\\&amp; \\&#49; &amp"),
        ("<p>a | b<br>--- | ---", "a | b  \n\\--- | ---"),
        ("<p>:--", "\\:--"),
        ("<p>no!<a href=/x>y</a>", "no\\![y](/x)"),
    ] {
        assert_eq!(convert(html, None), markdown, "{html}");
    }
}

#[test]
fn emphasis_spans_no_blank_line() {
    assert_eq!(convert("<a href=/x>a<br><br>b</a>", None), "[a  \nb](/x)");
    assert_eq!(convert("<p><b>a<br> <br>b</b></p>", None), "**a  \nb**");
}

#[test]
fn quotes_and_ruby_follow_the_browser() {
    assert_eq!(convert("<q>a</q> b", None), "\"a\" b");
    assert_eq!(convert("<ruby>字<rt>じ</rt></ruby>", None), "字(じ)");
    assert_eq!(convert("<ruby>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby>", None), "字(じ)");
    assert_eq!(
        convert("<h2>Clay<a href=#clay>¶</a></h2><p><a href=#clay>¶</a>", None),
        "## Clay\n\n[¶](#clay)"
    );
}

#[test]
fn a_lazy_image_uses_its_final_source() {
    for html in [
        "<img src=/blank.gif data-src=/pot.png>",
        "<img src=data:image/gif;base64,R0 data-original=/pot.png>",
        "<img data-srcset='/pot.png 1x, /b.png 2x'>",
        "<img src=/pot.png data-src=/other.png>",
    ] {
        assert_eq!(convert(html, None), "![](/pot.png)", "{html}");
    }
}

#[test]
fn a_formula_becomes_its_source() {
    let page = |attributes: &str| {
        format!(
            "<p>So <math {attributes}><semantics><msub><mi>a</mi><mn>1</mn></msub>\
             <annotation encoding='application/x-tex'>a_1 \\ge 0</annotation></semantics></math>.</p>"
        )
    };

    assert_eq!(convert(&page(""), None), "So $a_1 \\ge 0$.");
    assert_eq!(convert(&page("display='block'"), None), "So $$a_1 \\ge 0$$.");
    assert_eq!(convert("<p><math alttext='x &lt; 1'><mi>x</mi></math></p>", None), "$x < 1$");
    assert_eq!(convert("<p><math alttext='x<b'><mi>x</mi></math></p>", None), "$x<b$");
    assert_eq!(convert("<p><math><mi>a</mi></math></p>", None), "a");
}

#[test]
fn a_raised_link_to_an_item_below_is_a_footnote() {
    let html = "<p>Fire it<sup id=r1><a href=#n1>1</a></sup> twice<sup><a href=#n2>[2]</a></sup>\
        <sup><a href=#n1>1</a></sup>, at 10<sup>3</sup> degrees<sup><a href=#no>3</a></sup>.</p>\
        <ol><li id=n1><p>Slowly. <a href=#r1>↩</a></p><p>Very.</p></li><li id=n2>Once more.</ol>";

    assert_eq!(
        convert(html, None),
        "Fire it[^1] twice[^2][^1], at 10³ degrees[3](#no).\n\n\
         [^1]: Slowly.\n\n    Very.\n[^2]: Once more."
    );
}

#[test]
fn footnotes_of_every_generator_are_recognized() {
    for (reference, note) in [
        (
            "<a href=#n class=footnote-ref role=doc-noteref><sup>1</sup></a>",
            "<ol><li id=n><p>Slowly.<a href=#r role=doc-backlink>↩\u{fe0e}</a></ol>",
        ),
        (
            "<sup class=footnote>[<a href=#n>1</a>]</sup>",
            "<div id=n><a href=#r>1</a>. Slowly.</div>",
        ),
        ("<a href=#n><sup>[1]</sup></a>", "<p><a href=#r name=n>[1]</a> Slowly.</p>"),
        (
            "<a class='footnote-reference brackets' href=#n>[1]</a>",
            "<aside id=n><span>[<a href=#r>1</a>]</span><p>Slowly.</p></aside>",
        ),
        (
            "<sup><a href=#n>[1]</a></sup>",
            "<ol><li id=n><b>^ <a href=#r><sup>a</sup></a> <a href=#s><sup>b</sup></a></b> Slowly.</ol>",
        ),
    ] {
        let html = format!("<p>Fire it{reference}.</p>{note}");

        assert_eq!(convert(&html, None), "Fire it[^1].\n\n[^1]: Slowly.", "{html}");
    }
    let heading = "<p>See<sup><a href=#more>1</a></sup>.</p><h2 id=more>More</h2>";
    assert_eq!(convert(heading, None), "See[1](#more).\n\n## More");
}

#[test]
fn superscripts_and_subscripts_are_written_as_such() {
    for (html, markdown) in [
        ("10<sup>3</sup> m<sup>-1</sup>", "10³ m⁻¹"),
        ("H<sub>2</sub>O, Ca<sup>2+</sup>", "H₂O, Ca²⁺"),
        ("x<sup>2n+1</sup> e<sup>-x<sup>2</sup></sup>", "x<sup>2n+1</sup> e<sup>-x²</sup>"),
        ("T<sub>max</sub> <i>x</i><sup>2</sup><sub>i</sub>", "T<sub>max</sub> *x*²<sub>i</sub>"),
        ("<i>a</i><sub>n</sub>, p<sup>*</sup>, 25<sup>o</sup>C", "*a*<sub>n</sub>, p\\*, 25°C"),
        ("<a href='/a`b'>c</a>", "[c](/a%60b)"),
        ("1<sup>1</sup>/<sub>2</sub> cups", "1¹/₂ cups"),
        ("1<sup>st</sup>, XX<sup>e</sup>, Rungs<sup>TM</sup>", "1st, XXe, RungsTM"),
        ("$12<sup>99</sup>, 7<sup>50</sup> €, 7,<sup>50</sup> €", "$12.99, 7.50 €, 7,50 €"),
        ("$12<sup>.99</sup> <sup>[1]</sup><sup></sup>", "$12.99 \\[1\\]"),
        ("<table><tr><th>km<sup>2</sup></table>", "| km² |\n| --- |"),
    ] {
        assert_eq!(convert(html, None), markdown, "{html}");
    }
}

#[test]
fn a_formula_without_a_source_keeps_its_structure() {
    let half = "<math><mfrac><mn>1</mn><mrow><mn>2</mn><mo>+</mo><mi>a</mi></mrow></mfrac></math>";
    let power =
        "<math><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup><msqrt><mi>b</mi></msqrt></math>";

    assert_eq!(convert(&format!("{half} {power}"), None), "1/(2+a) x₁²√(b)");
}

#[test]
fn a_formula_in_a_script_replaces_its_rendering() {
    let html = "<p>So <span class=MathJax><nobr>x2</nobr></span><script type='math/tex'>x^2 < \\&</script> \
        and <script type='math/tex; mode=display'>y</script><script>z()</script>.</p>";

    assert_eq!(convert(html, None), "So $x^2 < \\&$ and $$y$$.");
}

#[test]
fn an_alternative_text_ends_no_paragraph() {
    assert_eq!(convert("<img src=a.png alt='a\n\n  b'>", None), "![a  \nb](a.png)");
    assert_eq!(convert("<h2>x <img src=a.png alt='a\nb'></h2>", None), "## x ![a b](a.png)");
}

#[test]
fn cells_that_span_keep_the_columns_below_in_place() {
    let html = "<table><tr><td rowspan=2>a<td colspan=2>b<tr><td>c<td>d</table>";

    assert_eq!(convert(html, None), "|  |  |  |\n| --- | --- | --- |\n| a | b |  |\n|  | c | d |");
}

#[test]
fn a_table_with_headers_stays_a_table() {
    let html = "<table><tr><th>a<th>b<tr><td>c<br>d<td><p>e</p><p>f|g</p></table>";

    assert_eq!(convert(html, None), "| a | b |\n| --- | --- |\n| c<br>d | e<br>f\\|g |");
}

#[test]
fn emphasis_around_blocks_is_around_each_of_them() {
    assert_eq!(
        convert("<s><p>a <b>b</b></p><ul><li>c <s>d</s></ul></s><b><p><i>e</i></p></b>f", None),
        "~~a **b**~~\n\n- ~~c d~~\n\n***e***\n\nf"
    );
}

#[test]
fn a_layout_table_is_not_a_table() {
    let html = "<table role=presentation><tr><td>one<td>two</table>";

    assert_eq!(convert(html, None), "one two");
    let rows = "<table role=none><tr><td><p>one</p><p>two</p><td>three<tr><td>four<td>five</table>";
    assert_eq!(convert(rows, None), "one\n\ntwo\n\nthree\n\nfour five");
}

#[test]
fn a_link_around_blocks_is_a_link_of_the_first() {
    let html = "<a href=/pot><h3>Pot</h3><p>Red clay.</p></a>";

    assert_eq!(convert(html, None), "### [Pot](/pot)\n\nRed clay.");
}
