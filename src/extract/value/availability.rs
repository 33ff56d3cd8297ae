//! The availability of something for sale or of a ticket.

use crate::extract::vocabulary::STOCK_PHRASES;

/// Reads an availability and returns schema.org's word for it, such as `InStock`.
pub(crate) fn availability(text: &str) -> Option<&'static str> {
    let word = text.trim().trim_end_matches('/').rsplit(['/', '#']).next().unwrap_or_default();
    let word: String =
        word.chars().filter(|it| it.is_alphabetic()).flat_map(char::to_lowercase).collect();
    Some(match word.as_str() {
        "instock" | "available" | "availablefororder" | "availableforsale" | "notsold" | "true"
        | "yes" | "y" => "InStock",
        "outofstock" | "oos" | "unavailable" | "notavailable" | "notinstock" | "false" | "no"
        | "n" => "OutOfStock",
        "soldout" | "sold" => "SoldOut",
        "preorder" => "PreOrder",
        "presale" => "PreSale",
        "backorder" | "backordered" => "BackOrder",
        "discontinued" => "Discontinued",
        "limitedavailability" | "lowstock" | "limited" => "LimitedAvailability",
        "onlineonly" | "instockonline" => "OnlineOnly",
        "instoreonly" => "InStoreOnly",
        "madetoorder" => "MadeToOrder",
        "reserved" => "Reserved",
        _ => {
            let text = text.to_lowercase();
            return STOCK_PHRASES.iter().find(|it| text.contains(it.0)).map(|it| it.1);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_is_a_word_of_schema_org_whatever_the_page_calls_it() {
        for (text, is) in [
            ("https://schema.org/InStock", "InStock"),
            ("http://schema.org/OutOfStock/", "OutOfStock"),
            ("in stock", "InStock"),
            ("NOT SOLD", "InStock"),
            ("Sold", "SoldOut"),
            ("Usually in stock within a week", "InStock"),
            ("Derzeit nicht verfügbar.", "OutOfStock"),
            ("preorder", "PreOrder"),
        ] {
            assert_eq!(availability(text), Some(is), "{text}");
        }
        assert_eq!(availability("soon"), None);
    }
}
