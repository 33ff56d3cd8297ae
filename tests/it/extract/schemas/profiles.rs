//! Profiles of pages without structured data.

use rungs::core::request::{Format, Item, Limits, Profile};
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extracted, Extractor};
use serde_json::{Value, json};

fn read(page: &str, profile: Profile) -> Extracted {
    let url = "https://haff.example/page";
    let item = Item::get(url).formats([Format::Json]).profile(profile);
    let options = item.check(&Limits::default()).expect("an item");
    HtmlExtractor.extract(Document::new(page.as_bytes(), url, &options)).expect("a page")
}

#[track_caller]
fn assert_fields(page: &str, profile: Profile, wanted: &Value) {
    for profile in [profile, Profile::Auto] {
        let made = read(page, profile);
        let json = &made.content[&Format::Json];
        for (name, value) in wanted.as_object().expect("an object") {
            assert_eq!(
                json.get(name).unwrap_or(&Value::Null),
                value,
                "{name} of {profile:?} in {json}"
            );
        }
    }
}

#[test]
fn a_position_is_read_off_its_page() {
    let page = "<html lang=en><title>Sailmaker (m/f/d)</title><main><h1>Sailmaker (m/f/d)</h1>\
        <p>Haff Sails Ltd | Ueckermünde | Part-time | Posted 3 May 2027</p><h2>Your tasks</h2><ul><li>Cut sails</li></ul>\
        <h2>Requirements</h2><ul><li>A steady hand</li></ul><p>Pay: €18 to €22 per hour.</p><p>Apply by 30 June 2027.</p></main>";

    let wanted = json!({
        "company": "Haff Sails Ltd", "locations": ["Ueckermünde"], "employment_type": ["PART_TIME"],
        "posted_at": "2027-05-03", "valid_through": "2027-06-30",
        "salary_min": 18, "salary_max": 22, "salary_currency": "EUR", "salary_unit": "HOUR",
    });
    assert_fields(page, Profile::JobPosting, &wanted);
}

#[test]
fn an_event_is_read_off_its_page() {
    let page = "<html lang=de><title>Hafenfest</title><main><h1>Hafenfest</h1><p><b>Wann:</b> Samstag, 12. Juni 2027, 11:00 – 22:00</p>\
        <p><b>Wo:</b> Alter Speicher, Kai 4, 17373 Ueckermünde</p><p><b>Eintritt:</b> 7,50 €</p><p>Mit Musik und Booten.</p></main>";

    let wanted = json!({
        "name": "Hafenfest", "starts_at": "2027-06-12T11:00", "ends_at": "2027-06-12T22:00", "venue": "Alter Speicher",
        "address": "Kai 4, 17373 Ueckermünde", "price": 7.5, "currency": "EUR", "published_at": null,
    });
    assert_fields(page, Profile::Event, &wanted);
}

#[test]
fn answers_end_where_the_next_question_begins() {
    let page = "<title>FAQ</title><main><h1>Questions about sails</h1><h3>How long do they last?</h3><p>Ten years.</p>\
        <h3>Can I wash them?</h3><p>Yes, by hand.</p><details><summary>Do you ship?</summary><p>Within Europe.</p></details></main>";

    let wanted = json!({ "questions": [
        { "question": "How long do they last?", "answer": "Ten years." },
        { "question": "Can I wash them?", "answer": "Yes, by hand." },
        { "question": "Do you ship?", "answer": "Within Europe." },
    ]});
    assert_fields(page, Profile::Faq, &wanted);
}

#[test]
fn a_recipe_is_recognized_by_its_sections() {
    let page = "<title>Pea soup</title><main><h1>Pea soup</h1><p>Serves 4 · Prep 10 min · Cook 50 min</p><h2>Ingredients</h2>\
        <ul><li>500 g peas</li><li>1 onion</li></ul><h2>Method</h2><ol><li>Soak the peas overnight.</li><li>Simmer them with the onion.</li></ol></main>";

    let wanted =
        json!({ "ingredients": ["500 g peas", "1 onion"], "prep_time": 10, "cook_time": 50 });
    assert_fields(page, Profile::Recipe, &wanted);
}

#[test]
fn an_article_is_no_other_thing() {
    let page = "<title>The harbor wakes</title><main><h1>The harbor wakes</h1><p>By Ida Noor, 4 May 2027</p>\
        <p>What makes a harbor? The price of fish rose to €12 last week, and the yard needs hands, says its owner at the pier.</p></main>";

    let json = read(page, Profile::Auto).content.remove(&Format::Json).expect("json");

    for field in ["price", "questions", "starts_at", "company", "ingredients"] {
        assert_eq!(json.get(field), None, "{field} in {json}");
    }
}
