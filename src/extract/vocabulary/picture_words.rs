/// Words of texts that describe a picture and not the stock: `photo: sold out`.
pub(crate) const PICTURE_WORDS: &[&str] = &["bild", "foto", "image", "immagine", "photo"];
