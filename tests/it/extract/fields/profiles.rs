//! Articles, positions, events, questions and lists.

use rungs::core::request::Profile;
use serde_json::{Value, json};

use crate::extract::fields::{assert_fields, json_of, ld, read};

/// The values of a schema: those of the profile take precedence over the item's data of the same name.
fn filled(page: &str, profile: Profile, fields: &[&str]) -> Value {
    let made = read(page, |it| {
        it.extraction_profile = profile;
        it.extraction_schema = Some(fields.iter().map(|it| (*it, "any")).collect());
    });
    made.filtered_content.expect("a schema was asked for")
}

#[test]
fn an_article_has_author_date_and_place() {
    let page = ld(&json!({
        "@type": "NewsArticle", "headline": "Kilns &amp; fire", "author": [{ "name": "Ann" }, { "name": "Bo" }],
        "datePublished": "2025-01-29 10:00", "dateModified": "January 30, 2025", "articleSection": "Craft",
        "publisher": { "@type": "Organization", "name": "The Kiln" }, "keywords": "clay, fire",
        "image": { "url": "/kiln.jpg" }, "inLanguage": "en",
    }));

    assert_eq!(
        filled(
            &page,
            Profile::Article,
            &[
                "title",
                "author",
                "published_at",
                "modified_at",
                "section",
                "publisher",
                "tags",
                "images",
                "language",
            ]
        ),
        json!({
            "title": "Kilns & fire", "author": "Ann, Bo", "published_at": "2025-01-29T10:00",
            "modified_at": "2025-01-30", "section": "Craft", "publisher": "The Kiln", "tags": ["clay", "fire"],
            "images": ["https://shop.example/kiln.jpg"], "language": "en",
        })
    );
    let plain = "<meta name=dcterms.modified content=2025-02-01><meta property=og:site_name content='The Kiln'>\
        <h1>Kilns</h1><p class=byline>By Ann Potter</p><p>Words about kilns.";
    assert_fields(
        &json_of(plain, Profile::Article),
        &json!({
            "title": "Kilns", "author": "Ann Potter", "publisher": "The Kiln", "modified_at": "2025-02-01",
        }),
    );
}

#[test]
fn a_position_has_its_places_its_pay_and_its_days() {
    let page = ld(&json!({ "@graph": [
        { "@type": "JobPosting", "title": "Potter", "hiringOrganization": { "@id": "#kiln" },
          "employmentType": ["Full-time", "CONTRACTOR"], "jobLocationType": "TELECOMMUTE",
          "datePosted": "2025-01-29", "validThrough": "2025-03-01T00:00",
          "jobLocation": [{ "@type": "Place", "address": { "addressLocality": "Delft", "addressCountry": "NL" } }],
          "baseSalary": { "currency": "EUR", "value": { "minValue": "2,500", "maxValue": 3000, "unitText": "month" } } },
        { "@type": "Organization", "@id": "#kiln", "name": "The Kiln" },
    ]}));

    assert_eq!(
        filled(
            &page,
            Profile::JobPosting,
            &[
                "title",
                "company",
                "employment_type",
                "remote",
                "posted_at",
                "valid_through",
                "locations",
                "salary_min",
                "salary_max",
                "salary_currency",
                "salary_unit",
            ]
        ),
        json!({
            "title": "Potter", "company": "The Kiln", "employment_type": ["FULL_TIME", "CONTRACTOR"],
            "remote": true, "posted_at": "2025-01-29", "valid_through": "2025-03-01T00:00",
            "locations": ["Delft, NL"], "salary_min": 2500, "salary_max": 3000, "salary_currency": "EUR",
            "salary_unit": "MONTH",
        })
    );
}

#[test]
fn an_event_has_its_time_its_place_and_its_price() {
    let page = ld(&json!({
        "@type": "MusicEvent", "name": "Fire music", "startDate": "2025-05-01T20:00:00+02:00", "endDate": "2025-05-02",
        "eventStatus": "https://schema.org/EventPostponed", "organizer": { "name": "The Kiln" },
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": { "@type": "Place", "name": "Old kiln", "address": {
            "streetAddress": "Clay road 1", "addressLocality": "Delft" } },
        "offers": [{ "price": "0", "priceCurrency": "EUR", "availability": "SoldOut" }],
    }));

    let expected = json!({
        "name": "Fire music", "starts_at": "2025-05-01T20:00:00+02:00", "ends_at": "2025-05-02", "venue": "Old kiln",
        "address": "Clay road 1, Delft", "status": "EventPostponed", "online": false, "organizer": "The Kiln",
        "price": 0, "currency": "EUR", "availability": "SoldOut",
    });
    for profile in [Profile::Event, Profile::Auto] {
        let names: Vec<&str> =
            expected.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(filled(&page, profile, &names), expected);
    }
}

#[test]
fn questions_are_read_from_collapsible_parts() {
    let data = ld(&json!({ "@type": "FAQPage", "mainEntity": [
        { "@type": "Question", "name": "Hot?", "acceptedAnswer": { "@type": "Answer", "text": "<p>Very.</p>" } },
        { "@type": "Question", "name": "Unanswered?" },
        { "@type": "Question", "name": "Old?", "suggestedAnswer": [{ "text": "Rather." }, { "text": "No." }] },
    ]}));
    for page in [
        data.as_str(),
        "<details><summary>Hot?</summary><p>Very.</p></details><details><summary>Old?</summary>Rather.</details>",
        "<dl><dt>Hot?<dd>Very.<dt>Old?<dd>Rather.</dl>",
        "<h3>Hot?</h3><p>Very.</p><h3>Old?</h3><p>Rather.</p><h2>More</h2><p>Words.</p>",
    ] {
        assert_eq!(
            json_of(page, Profile::Faq)["questions"],
            json!([{ "question": "Hot?", "answer": "Very." }, { "question": "Old?", "answer": "Rather." }]),
            "{page}"
        );
    }
    assert_eq!(
        json_of("<h2>Hot?</h2><p>Very.</p>", Profile::Faq).get("questions"),
        None,
        "one is a title"
    );
}

#[test]
fn a_list_of_things_has_their_names_addresses_and_prices() {
    let list = ld(&json!({ "@type": "ItemList", "itemListElement": [
        { "@type": "ListItem", "position": 1, "name": "Pots", "url": "/pots" },
        { "@type": "ListItem", "item": { "@type": "Product", "name": "Pan", "url": "/pan",
            "offers": { "price": "7.50", "priceCurrency": "EUR" } } },
        { "@type": "ListItem", "position": 3 },
    ]}));
    let firms = "<div itemscope itemtype=http://schema.org/LocalBusiness><b itemprop=name>Ann</b>\
        <a itemprop=url href=/ann>more</a><i itemprop=telephone>1234</i></div>\
        <div itemscope itemtype=http://schema.org/LocalBusiness><b itemprop=name>Bo</b></div>";

    assert_eq!(
        json_of(&list, Profile::EcommerceHomepage)["items"],
        json!([
            { "name": "Pots", "url": "https://shop.example/pots" },
            { "name": "Pan", "url": "https://shop.example/pan", "price": 7.5, "currency": "EUR" },
        ])
    );
    assert_eq!(
        json_of(firms, Profile::DirectoryListing)["items"],
        json!([{ "name": "Ann", "url": "https://shop.example/ann", "telephone": "1234" }, { "name": "Bo" }])
    );
}

#[test]
fn a_wrong_check_digit_voids_an_article_number() {
    let page = |gtin: &str| ld(&json!({ "@type": "Product", "name": "Pot", "gtin13": gtin }));

    assert_eq!(json_of(&page("4006381333931"), Profile::Product)["gtin"], "4006381333931");
    assert_eq!(json_of(&page("4006381333932"), Profile::Product).get("gtin"), None);
}
