/// Words in front of a product's name that ask to buy it, in lower case and without accents.
pub(crate) const OFFER_VERBS: &[&str] = &[
    "acheter",
    "acquista",
    "buy",
    "compra",
    "comprar",
    "for auction",
    "for sale",
    "kaufe",
    "kaufen",
    "koupit",
    "kup",
    "osta",
    "pre order",
    "preorder",
    "купить",
    "تسوق",
];
