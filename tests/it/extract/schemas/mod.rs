//! Schemas filled from what pages show: ten domains in three languages and eight structures.

mod domains;
mod given;
mod guide;
mod limits;
mod lists;
mod profiles;

use rungs::core::request::Profile;
use serde_json::Value;

use self::domains::DOMAINS;
use self::given::{Domain, LANGUAGES, STRUCTURES, expected, filled, page, read, schema};

/// Checks a domain in every language and structure.
fn assert_domain(name: &str) {
    let domain = DOMAINS.iter().find(|it| it.name == name).expect("a domain");
    let schema = schema(domain);
    let mut wrong = Vec::new();
    for (language, language_name) in LANGUAGES.iter().enumerate() {
        for structure in STRUCTURES {
            let made = filled(&page(domain, language, structure), &schema);
            for fact in domain.facts {
                let wanted = expected(fact, language);
                if made[fact.field] != wanted {
                    wrong.push(format!(
                        "{structure:?} {}: {} is {}, not {wanted}",
                        language_name, fact.field, made[fact.field]
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! domains {
    ($($test:ident $name:literal)*) => { $(
        #[test]
        fn $test() {
            assert_domain($name);
        }
    )* };
}

domains! {
    a_schema_of_goods_is_filled_in_every_structure "goods"
    a_schema_of_flats_is_filled_in_every_structure "flats"
    a_schema_of_positions_is_filled_in_every_structure "positions"
    a_schema_of_films_is_filled_in_every_structure "films"
    a_schema_of_books_is_filled_in_every_structure "books"
    a_schema_of_programs_is_filled_in_every_structure "programs"
    a_schema_of_courses_is_filled_in_every_structure "courses"
    a_schema_of_cars_is_filled_in_every_structure "cars"
    a_schema_of_firms_is_filled_in_every_structure "firms"
    a_schema_of_dishes_is_filled_in_every_structure "dishes"
}

#[test]
fn a_page_of_another_domain_fills_no_field() {
    let shares = |one: &Domain, field: &str| one.facts.iter().any(|it| it.field == field);
    let mut invented = Vec::new();
    for of in &DOMAINS {
        let schema = schema(of);
        for at in DOMAINS.iter().filter(|it| it.name != of.name) {
            let made = filled(&page(at, 0, STRUCTURES[0]), &schema);
            let fields = made.as_object().expect("an object");
            for (field, value) in fields.iter().filter(|it| !it.1.is_null() && !shares(at, it.0)) {
                invented.push(format!("{} of {}: {value}", field, at.name));
            }
        }
    }
    // Two names of one thing, and the language that a page declares.
    let known = [
        "fee of goods",
        "price of courses",
        "level of dishes",
        "difficulty of courses",
        "release_date of books",
    ];
    invented.retain(|it| {
        !known.iter().any(|known| it.starts_with(known)) && !it.starts_with("language of")
    });
    assert!(invented.is_empty(), "{}", invented.join("\n"));
}

#[test]
fn every_result_is_valid_by_its_schema() {
    for domain in &DOMAINS {
        let schema = nullable(schema(domain));
        let validator =
            jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        for at in &DOMAINS {
            let made = filled(&page(at, 1, STRUCTURES[2]), &schema);
            let errors: Vec<String> =
                validator.iter_errors(&made).map(|it| it.to_string()).collect();
            assert!(errors.is_empty(), "{} of {}: {errors:?}", domain.name, at.name);
        }
    }
}

/// Allows null for every field, because a page may lack it.
fn nullable(mut schema: Value) -> Value {
    let properties = schema["properties"].as_object_mut().expect("properties");
    for field in properties.values_mut() {
        let own = std::mem::take(field);
        *field = serde_json::json!({ "anyOf": [own, { "type": "null" }] });
    }
    schema
}

#[test]
fn evidence_gives_the_label_and_the_place() {
    let domain = &DOMAINS[0];
    let made = read(&page(domain, 0, STRUCTURES[0]), &schema(domain), Profile::Auto);

    let evidence = made.evidence.expect("evidence");
    let sku = &evidence["sku"];
    assert_eq!(
        (&sku["value"], &sku["snippet"], &sku["label"]),
        (&"OB-118".into(), &"OB-118".into(), &"Item number".into())
    );
    assert_eq!((&sku["source"], &sku["confidence"]), (&"dom".into(), &0.95.into()));
    assert!(sku["path"].as_str().is_some_and(|it| it.ends_with("tr:nth-of-type(3) > td")), "{sku}");
}
