use super::*;

#[test]
fn only_visible_text_counts() {
    let scan = Scan::of(
        b"<html><head><title>A &amp; B</title><style>p{}</style></head><body><!-- no -->\
          <script>var x = '<p>no</p>';</script><noscript><p>Off</p></noscript>\
          <template><p>no</p></template><p>One  <b>t</b>wo</p><p>Three</p></body></html>",
    );

    assert!(scan.html);
    assert_eq!(scan.title, "a & b");
    assert_eq!(scan.text, "one two three");
    assert_eq!(scan.text_len, 13);
    assert_eq!(scan.noscript, "off");
    assert_eq!(scan.scripts, 1);
}

#[test]
fn a_quoted_angle_bracket_ends_no_tag_and_a_stray_quote_swallows_no_page() {
    assert_eq!(Scan::of(b"<a title='x > y'>in</a> out").text, "in out");
    assert_eq!(Scan::of(b"<p it's>said</p> <p>so").text, "said so");
    assert_eq!(Scan::of(b"1 < 2").text, "1 < 2");
}

#[test]
fn fields_mounts_and_refreshes_are_seen() {
    let scan = Scan::of(
        b"<form action='https://consent.example/save'><input type=hidden><INPUT TYPE=Password>\
          <div id=root></div><meta http-equiv=Refresh content='0; URL=/next'>",
    );

    assert_eq!((scan.fields, scan.password, scan.consent), (1, true, true));
    assert_eq!(scan.mount, Some("root"));
    assert_eq!(scan.refresh.map(|it| it.target).as_deref(), Some("/next"));
}

#[test]
fn a_script_that_leads_on_is_told_from_one_that_reads_the_address() {
    let navigates =
        |script: &str| Scan::of(format!("<script>{script}</script>").as_bytes()).navigates;

    for leads in [
        "window.location = '/to'",
        "setTimeout(function () { document.location.href='/to' }, 900)",
        "location.replace('/to')",
        "document.cookie = 'a=1'; location.reload()",
    ] {
        assert!(navigates(leads), "{leads}");
    }
    assert!(Scan::of(b"<body onload=\"location.href='/to'\"><p>We have moved.").navigates);
    for reads in [
        "if (location.protocol == 'https:') {}",
        "if (location.href === x) {}",
        "if (top != self) top.location = self.location",
        &format!("location = '/to';{}", "x".repeat(STUB_SCRIPT)),
    ] {
        assert!(!navigates(reads), "{reads}");
    }
}

#[test]
fn frames_are_seen_and_words_for_browsers_without_them_are_not_text() {
    let set = Scan::of(b"<frameset><frame src=/a></frameset><noframes>No frames.</noframes>");
    let inline = Scan::of(b"<iframe src=/a></iframe><iframe src='about:blank'></iframe>");

    assert!(set.frameset);
    assert_eq!(set.text_len, 0);
    assert_eq!((inline.frameset, inline.iframes), (false, 1));
    assert_eq!((set.frames, inline.frames), (vec!["/a".to_owned()], vec!["/a".to_owned()]));
}

#[test]
fn any_cut_of_a_page_is_read_to_its_end() {
    let page = b"<!doctype html><title>t</title><script type='a'>x</script><div id=\"app\" \
                 class='b c'>&amp;<p x=\">\" y='</p><!-- z --><template><svg/></template></div>";
    for cut in 0..page.len() {
        Scan::of(&page[..cut]);
        Scan::of(&page[cut..]);
    }
}

#[test]
fn the_text_that_is_kept_is_cut_and_all_of_it_is_counted() {
    let scan = Scan::of("x".repeat(KEPT + 1_000).as_bytes());

    assert_eq!((scan.text.len(), scan.text_len, scan.has_more), (KEPT, KEPT + 1_000, false));
    assert_eq!(Scan::of(b"<p><br><p>").markup_len, 2 + 3 + 2);
}

#[test]
fn nothing_is_read_behind_what_is_enough() {
    let page = format!("<p>{}</p><script>_cf_chl_opt</script>", "x".repeat(ENOUGH));
    let scan = Scan::of(page.as_bytes());

    assert!(scan.has_more);
    assert_eq!((scan.text_len, scan.scripts), (ENOUGH, 0));
    assert_eq!(scan.markers, Markers::default());
}

#[test]
fn a_word_is_found_in_any_case_by_its_rarest_byte() {
    for (text, word, place) in [
        ("a HTTP-Equiv b", "http-equiv", Some(2)),
        ("x</SCRIPT>", "</script", Some(1)),
        ("refresh", "refresh", Some(0)),
        ("refres", "refresh", None),
        ("qq quiv", "http-equiv", None),
        ("", "a", None),
        ("a", "", None),
    ] {
        assert_eq!(find(text.as_bytes(), word.as_bytes()), place, "{text}");
    }
}

#[test]
fn what_is_typed_or_drawn_is_no_text_and_titles_no_page() {
    let scan = Scan::of(
        b"<svg/>seen<svg><title>Icon</title><text>drawn</text></svg><title>Page</title>\
          <textarea>typed</textarea><input type=text>",
    );

    assert_eq!((scan.text.as_str(), scan.title.as_str()), ("seen", "page"));
    assert_eq!((scan.fields, scan.password), (2, false));
}

#[test]
fn data_in_a_script_element_is_no_script() {
    assert_eq!(Scan::of(b"<script type=text/javascript>x</script>").scripts, 1);
    assert_eq!(Scan::of(b"<script type=application/ld+json>{}</script>").scripts, 0);
}

#[test]
fn an_element_for_an_app_is_known_by_its_name_or_its_id() {
    let mount = |page: &[u8]| Scan::of(page).mount;

    assert_eq!(mount(b"<app-root></app-root>"), Some("app-root"));
    assert_eq!(mount(b"<my-app></my-app>"), None);
    assert!(Scan::of(b"<my-app></my-app>").custom);
    assert_eq!(mount(b"<div class='a'id=root>"), Some("root"));
    assert_eq!(mount(b"<div/id=root>"), Some("root"));
    assert!(Scan::of(b"<form action=/consent/save>").consent);
}

#[test]
fn a_quote_opens_a_value_behind_a_sign_or_a_blank_and_nowhere_else() {
    assert_eq!(Scan::of(b"<p it's>said</p> <p it's>so").text, "said so");
    assert_eq!(Scan::of(b"<p 'a>b'>in").text, "in");
}

#[test]
fn a_quoted_value_may_be_so_long_and_no_longer() {
    let page = |length| format!("<p t='>{}'>in", "x".repeat(length - 1));

    assert_eq!(Scan::of(page(QUOTED - 1).as_bytes()).text, "in");
    assert_ne!(Scan::of(page(QUOTED).as_bytes()).text, "in");
}
