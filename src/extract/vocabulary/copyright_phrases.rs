/// Beginnings of lines about the rights in an article; the long ones may stand anywhere in the line.
pub(crate) const COPYRIGHT_PHRASES: &[&str] = &[
    "all rights reserved",
    "alle rechte vorbehalten",
    "copyright",
    "permission must be obtained",
    "reproduction interdite",
    "todos los derechos reservados",
    "todos os direitos reservados",
    "tous droits réservés",
    "tutti i diritti riservati",
    "©",
];
