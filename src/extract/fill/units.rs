//! Units in the names of fields and behind numbers.

/// The quantity that a unit measures. Numbers in units of one kind can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Mass,
    Length,
    Area,
    Volume,
    Time,
    Power,
    Data,
    /// Units of any other kind, each on its own.
    Other(&'static str),
}

/// A unit and its size in the smallest of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) measure: Measure,
    pub(super) size: f64,
}

/// Seconds of the units of time. A month and a year have their mean length.
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
const MONTH: f64 = 2_629_746.0;
const YEAR: f64 = 31_556_952.0;

/// The units by their names, in lower case.
const UNITS: &[(&[&str], Measure, f64)] = &[
    (&["mg", "milligram", "milligrams"], Measure::Mass, 0.001),
    (&["g", "gram", "grams", "gramm", "gr"], Measure::Mass, 1.0),
    (&["kg", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"], Measure::Mass, 1_000.0),
    (&["t", "tonne", "tonnes", "tons"], Measure::Mass, 1_000_000.0),
    (&["lb", "lbs", "pound", "pounds"], Measure::Mass, 453.592_37),
    (&["oz", "ounce", "ounces"], Measure::Mass, 28.349_523),
    (&["mm", "millimeter", "millimeters", "millimetre"], Measure::Length, 1.0),
    (&["cm", "centimeter", "centimeters", "centimetre", "zentimeter"], Measure::Length, 10.0),
    (&["m", "meter", "meters", "metre", "metres"], Measure::Length, 1_000.0),
    (&["km", "kilometer", "kilometers", "kilometre", "kilometres"], Measure::Length, 1_000_000.0),
    (&["in", "inch", "inches", "\"", "″", "zoll"], Measure::Length, 25.4),
    (&["ft", "foot", "feet"], Measure::Length, 304.8),
    (&["mi", "mile", "miles"], Measure::Length, 1_609_344.0),
    (&["m2", "sqm", "qm", "sq m", "m^2", "square meters", "mq"], Measure::Area, 1.0),
    (&["sqft", "ft2", "sq ft", "sq", "square feet"], Measure::Area, 0.092_903_04),
    (&["ha", "hectare", "hectares", "hektar"], Measure::Area, 10_000.0),
    (&["ml", "milliliter", "milliliters"], Measure::Volume, 1.0),
    (&["cl"], Measure::Volume, 10.0),
    (&["l", "liter", "liters", "litre", "litres"], Measure::Volume, 1_000.0),
    (&["ms"], Measure::Time, 0.001),
    (&["s", "sec", "secs", "second", "seconds", "sekunden"], Measure::Time, 1.0),
    (&["min", "mins", "minute", "minutes", "minuten", "minutos"], Measure::Time, MINUTE),
    (
        &["h", "hr", "hrs", "hour", "hours", "std", "stunden", "heures", "horas"],
        Measure::Time,
        HOUR,
    ),
    (&["day", "days", "tage", "tag", "jours", "jour", "dias", "días"], Measure::Time, DAY),
    (&["week", "weeks", "wochen", "semaines", "semanas"], Measure::Time, DAY * 7.0),
    (&["month", "months", "monate", "monat", "mois", "meses", "mes"], Measure::Time, MONTH),
    (
        &["year", "years", "yr", "yrs", "jahre", "jahr", "ans", "an", "años", "año"],
        Measure::Time,
        YEAR,
    ),
    (&["w", "watt", "watts"], Measure::Power, 1.0),
    (&["kw", "kilowatt"], Measure::Power, 1_000.0),
    (&["hp", "ps", "bhp", "cv"], Measure::Power, 735.498_75),
    (&["kb", "kib"], Measure::Data, 1.0),
    (&["mb", "mib"], Measure::Data, 1_000.0),
    (&["gb", "gib"], Measure::Data, 1_000_000.0),
    (&["tb", "tib"], Measure::Data, 1_000_000_000.0),
    (&["c", "°c", "celsius"], Measure::Other("celsius"), 1.0),
    (&["f", "°f", "fahrenheit"], Measure::Other("fahrenheit"), 1.0),
    (&["%", "percent", "pct", "prozent", "percentage"], Measure::Other("percent"), 1.0),
    (&["kcal", "calories"], Measure::Other("kilocalories"), 1.0),
    (&["kj"], Measure::Other("kilojoules"), 1.0),
    (&["v", "volt", "volts"], Measure::Other("volts"), 1.0),
    (&["mah"], Measure::Other("milliamperehours"), 1.0),
    (&["hz"], Measure::Other("hertz"), 1.0),
    (&["rpm"], Measure::Other("rotations"), 1.0),
];

/// Codes of currencies that end the names of fields.
const CURRENCIES: [&str; 8] = ["eur", "usd", "gbp", "chf", "jpy", "euro", "euros", "dollars"];

impl Unit {
    /// Parses the name of a unit in any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.trim().trim_end_matches('.').to_lowercase().replace('²', "2");
        let found = UNITS.iter().find(|it| it.0.contains(&name.as_str()))?;
        Some(Self { measure: found.1, size: found.2 })
    }

    /// Converts a number in this unit to another one. Returns `None` if they measure different things.
    pub(super) fn convert(self, number: f64, to: Self) -> Option<f64> {
        // Two decimals more than any page gives.
        let rounded = |it: f64| (it * 1e6).round() / 1e6;
        (self.measure == to.measure).then(|| rounded(number * self.size / to.size))
    }
}

/// Splits the unit or the currency off the end of a field's name.
pub(super) fn split_name(tokens: &[String]) -> (&[String], Option<Unit>, Option<&'static str>) {
    let Some((last, rest)) = tokens.split_last().filter(|it| !it.1.is_empty()) else {
        return (tokens, None, None);
    };
    if let Some(code) = CURRENCIES.iter().find(|it| **it == last.as_str()) {
        let code = match *code {
            "eur" | "euro" | "euros" => "EUR",
            "usd" | "dollars" => "USD",
            "gbp" => "GBP",
            "chf" => "CHF",
            _ => "JPY",
        };
        return (rest, None, Some(code));
    }
    // `check_in` and `start_day` end with words, not with units.
    let is_word = matches!(
        last.as_str(),
        "in" | "day"
            | "year"
            | "month"
            | "week"
            | "an"
            | "mes"
            | "minute"
            | "second"
            | "hour"
            | "tag"
    );
    match Unit::parse(last).filter(|_| !is_word) {
        Some(unit) => (rest, Some(unit), None),
        None => (tokens, None, None),
    }
}

/// Returns the unit behind the first number of a text.
pub(super) fn unit_in(text: &str) -> Option<Unit> {
    let begin = text.find(|it: char| it.is_ascii_digit())?;
    let rest = text.get(begin..)?;
    let end = rest.find(|it: char| {
        !(it.is_ascii_digit() || matches!(it, '.' | ',' | '\'' | ' ' | '\u{a0}' | '\u{202f}'))
    })?;
    let name: String = rest
        .get(end..)?
        .chars()
        .take_while(|it| it.is_alphabetic() || matches!(it, '²' | '2' | '°' | '%' | '"'))
        .collect();
    Unit::parse(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_converted_between_units_of_one_kind() {
        let kilograms = Unit::parse("kg").expect("a unit");
        let grams = unit_in("approx. 3 200 g net").expect("a unit");

        assert_eq!(grams.convert(3_200.0, kilograms), Some(3.2));
        assert_eq!(unit_in("84 m²").and_then(|it| it.convert(84.0, kilograms)), None);
        assert_eq!(unit_in("84"), None);
    }
}
