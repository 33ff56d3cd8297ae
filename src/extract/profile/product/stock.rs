//! Whether a product can be had: the words of structured data, of the page, and of its controls.

use crate::extract::doc::Doc;
use crate::extract::profile::label::Labels;
use crate::extract::tag::Tag;

/// Bytes of what a control says.
const CONTROL: usize = 40;

/// The word of schema.org for what structured data says of the stock.
pub(in crate::extract::profile) fn availability(said: &str) -> Option<&'static str> {
    let word = said.trim().trim_end_matches('/').rsplit(['/', '#']).next().unwrap_or_default();
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
            let said = said.to_lowercase();
            return STOCK.iter().find(|it| said.contains(it.0)).map(|it| it.1);
        }
    })
}

/// What short texts say of the stock; the first on the page counts.
const STOCK: [(&str, &str); 42] = [
    ("out of stock", "OutOfStock"),
    ("not in stock", "OutOfStock"),
    ("sold out", "SoldOut"),
    ("currently unavailable", "OutOfStock"),
    ("temporarily unavailable", "OutOfStock"),
    ("no longer available", "Discontinued"),
    ("notify me when", "OutOfStock"),
    ("nicht verfügbar", "OutOfStock"),
    ("nicht auf lager", "OutOfStock"),
    ("ausverkauft", "SoldOut"),
    ("agotado", "SoldOut"),
    ("no disponible", "OutOfStock"),
    ("esgotado", "SoldOut"),
    ("indisponível", "OutOfStock"),
    ("non disponibile", "OutOfStock"),
    ("esaurito", "SoldOut"),
    ("rupture de stock", "OutOfStock"),
    ("actuellement indisponible", "OutOfStock"),
    ("épuisé", "SoldOut"),
    ("uitverkocht", "SoldOut"),
    ("niet op voorraad", "OutOfStock"),
    ("slut i lager", "OutOfStock"),
    ("udsolgt", "SoldOut"),
    ("utsolgt", "SoldOut"),
    ("loppu varastosta", "OutOfStock"),
    ("vyprodáno", "SoldOut"),
    ("vypredané", "SoldOut"),
    ("nie je skladom", "OutOfStock"),
    ("niedostępny", "OutOfStock"),
    ("нет в наличии", "OutOfStock"),
    ("售完", "SoldOut"),
    ("缺貨", "OutOfStock"),
    ("売り切れ", "SoldOut"),
    ("품절", "SoldOut"),
    ("in stock", "InStock"),
    ("auf lager", "InStock"),
    ("sofort lieferbar", "InStock"),
    ("en stock", "InStock"),
    ("op voorraad", "InStock"),
    ("i lager", "InStock"),
    ("skladem", "InStock"),
    ("в наличии", "InStock"),
];

/// What controls say that put a product into a cart.
const BUYS: [&str; 42] = [
    "add to cart",
    "add to basket",
    "add to bag",
    "add to trolley",
    "buy now",
    "buy it now",
    "book now",
    "comprar",
    "añadir al carrito",
    "adicionar ao carrinho",
    "acheter",
    "ajouter au panier",
    "in den warenkorb",
    "in den einkaufswagen",
    "jetzt kaufen",
    "aggiungi al carrello",
    "acquista",
    "in winkelwagen",
    "in winkelmand",
    "bestellen",
    "lägg i varukorg",
    "köp",
    "læg i kurv",
    "legg i handlekurv",
    "lisää ostoskoriin",
    "lisa korvi",
    "do košíka",
    "do košíku",
    "do koszyka",
    "v košarico",
    "u košaricu",
    "kosárba",
    "adaugă în coș",
    "sepete ekle",
    "купить",
    "в корзину",
    "購入",
    "カートに入れる",
    "購物車",
    "購買",
    "구매하기",
    "장바구니",
];

/// What the page's own texts say of the stock.
pub(super) fn said(labels: &Labels<'_, '_>) -> Option<&'static str> {
    labels.says(&STOCK)
}

/// Whether something on the page buys the product.
pub(super) fn has_cart(doc: &Doc<'_>) -> bool {
    (0..doc.len()).any(|id| {
        doc.tag(id) != Tag::Text
            && doc.attr(id, "disabled").is_none()
            && (is_called_cart(doc, id) || (is_control(doc, id) && says_buy(doc, id)))
    })
}

fn is_called_cart(doc: &Doc<'_>, id: usize) -> bool {
    const NAMES: [&str; 8] = [
        "addtocart",
        "addtobasket",
        "addtobag",
        "buynow",
        "btnbuy",
        "buybutton",
        "addcart",
        "addtotrolley",
    ];
    doc.attrs(id).any(|(name, value)| {
        matches!(name, "class" | "id" | "name" | "data-testid" | "data-action" | "data-type") && {
            let mut bare = value.to_ascii_lowercase();
            bare.retain(|it| it.is_ascii_alphanumeric() || it == ' ');
            NAMES.iter().any(|it| bare.contains(it))
        }
    })
}

fn is_control(doc: &Doc<'_>, id: usize) -> bool {
    match doc.tag(id) {
        Tag::Button => true,
        Tag::Input => matches!(doc.attr(id, "type"), Some("submit" | "button" | "image")),
        // A link looks like a button where its class says so.
        Tag::A => {
            let named = |it: &str| {
                let it = it.to_ascii_lowercase();
                it.contains("btn") || it.contains("button") || it.contains("buy")
            };
            doc.attrs(id).any(|(name, value)| matches!(name, "class" | "id") && named(value))
        }
        _ => false,
    }
}

fn says_buy(doc: &Doc<'_>, id: usize) -> bool {
    let said = match doc.tag(id) {
        Tag::Input => ["value", "alt"].iter().find_map(|it| doc.attr(id, it)).map(str::to_owned),
        _ if doc.end(id) - id > 40 => None,
        _ => Some(doc.source_text(id)),
    };
    let said = said.map(|it| crate::extract::doc::folded(&it).to_lowercase()).unwrap_or_default();
    (2..=CONTROL).contains(&said.len()) && BUYS.iter().any(|it| said.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_is_a_word_of_schema_org_whatever_the_page_calls_it() {
        for (said, is) in [
            ("https://schema.org/InStock", "InStock"),
            ("http://schema.org/OutOfStock/", "OutOfStock"),
            ("in stock", "InStock"),
            ("NOT SOLD", "InStock"),
            ("Sold", "SoldOut"),
            ("Usually in stock within a week", "InStock"),
            ("Derzeit nicht verfügbar.", "OutOfStock"),
            ("preorder", "PreOrder"),
        ] {
            assert_eq!(availability(said), Some(is), "{said}");
        }
        assert_eq!(availability("soon"), None);
    }
}
