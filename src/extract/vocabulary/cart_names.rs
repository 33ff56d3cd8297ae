/// Parts of the names of controls that put a product into a cart, without punctuation.
pub(crate) const CART_NAMES: &[&str] = &[
    "addcart",
    "addtobag",
    "addtobasket",
    "addtocart",
    "addtotrolley",
    "btnbuy",
    "buybutton",
    "buynow",
];
