//! The facts on pages of ten domains.

use super::given::{Domain, Fact};

const TEXT: &str = r#"{"type":"string"}"#;
const NUMBER: &str = r#"{"type":"number"}"#;
const WHOLE: &str = r#"{"type":"integer"}"#;
const DAY: &str = r#"{"type":"string","format":"date"}"#;
const YES: &str = r#"{"type":"boolean"}"#;
const TEXTS: &str = r#"{"type":"array","items":{"type":"string"}}"#;

const fn fact(
    field: &'static str,
    schema: &'static str,
    labels: [&'static str; 3],
    values: [&'static str; 3],
    expected: &'static [&'static str],
) -> Fact {
    Fact { field, schema, labels, values, expected }
}

pub(super) const DOMAINS: [Domain; 10] = [
    Domain {
        name: "goods",
        headings: ["Oak bench", "Eichenbank", "Banc en chêne"],
        facts: &[
            fact(
                "price",
                NUMBER,
                ["Price", "Preis", "Prix"],
                ["€1,249.50", "1.249,50 €", "1 249,50 €"],
                &["1249.5"],
            ),
            fact(
                "weight_kg",
                NUMBER,
                ["Weight", "Gewicht", "Poids"],
                ["18,5 kg", "18,5 kg", "18500 g"],
                &["18.5"],
            ),
            fact(
                "sku",
                TEXT,
                ["Item number", "Artikelnummer", "Référence"],
                ["OB-118", "OB-118", "OB-118"],
                &["OB-118"],
            ),
            fact(
                "material",
                TEXT,
                ["Material", "Material", "Matière"],
                ["Solid oak", "Massive Eiche", "Chêne massif"],
                &["Solid oak", "Massive Eiche", "Chêne massif"],
            ),
            fact(
                "colors",
                TEXTS,
                ["Colors", "Farben", "Couleurs"],
                ["sand, ash and coal", "Sand, Asche und Kohle", "sable, cendre et charbon"],
                &[
                    r#"["sand","ash","coal"]"#,
                    r#"["Sand","Asche","Kohle"]"#,
                    r#"["sable","cendre","charbon"]"#,
                ],
            ),
            fact(
                "warranty_years",
                WHOLE,
                ["Warranty", "Garantie", "Garantie"],
                ["5 years", "5 Jahre", "5 ans"],
                &["5"],
            ),
        ],
    },
    Domain {
        name: "flats",
        headings: ["Loft by the canal", "Loft am Kanal", "Loft au bord du canal"],
        facts: &[
            fact("rooms", NUMBER, ["Rooms", "Zimmer", "Pièces"], ["3.5", "3,5", "3,5"], &["3.5"]),
            fact(
                "living_area",
                NUMBER,
                ["Living area", "Wohnfläche", "Surface habitable"],
                ["112 m²", "112 m²", "112 m²"],
                &["112.0"],
            ),
            fact(
                "cold_rent",
                NUMBER,
                ["Cold rent", "Kaltmiete", "Loyer hors charges"],
                ["€1,480", "1.480 €", "1 480 €"],
                &["1480.0"],
            ),
            fact(
                "deposit",
                NUMBER,
                ["Deposit", "Kaution", "Dépôt de garantie"],
                ["€4,440", "4.440 €", "4 440 €"],
                &["4440.0"],
            ),
            fact(
                "available_from",
                DAY,
                ["Available from", "Verfügbar ab", "Disponible à partir du"],
                ["1 May 2027", "01.05.2027", "1er mai 2027"],
                &["2027-05-01"],
            ),
            fact("floor", WHOLE, ["Floor", "Etage", "Étage"], ["4", "4", "4"], &["4"]),
        ],
    },
    Domain {
        name: "positions",
        headings: ["Boat builder", "Bootsbauer", "Constructeur de bateaux"],
        facts: &[
            fact(
                "company",
                TEXT,
                ["Employer", "Arbeitgeber", "Employeur"],
                ["Haff Yard Ltd", "Haffwerft GmbH", "Chantier du Haff SARL"],
                &["Haff Yard Ltd", "Haffwerft GmbH", "Chantier du Haff SARL"],
            ),
            fact(
                "location",
                TEXT,
                ["Location", "Arbeitsort", "Lieu de travail"],
                ["Ueckermünde", "Ueckermünde", "Ueckermünde"],
                &["Ueckermünde"],
            ),
            fact(
                "salary_min",
                NUMBER,
                ["Salary", "Gehalt", "Salaire"],
                ["€38,000 – €46,000", "38.000 € – 46.000 €", "38 000 € – 46 000 €"],
                &["38000.0"],
            ),
            fact(
                "employment_type",
                r#"{"enum":["full-time","part-time"]}"#,
                ["Contract", "Arbeitszeit", "Temps de travail"],
                ["Full time", "Vollzeit", "Temps plein"],
                &["full-time"],
            ),
            fact(
                "deadline",
                DAY,
                ["Closing date", "Bewerbungsfrist", "Date limite"],
                ["15 August 2027", "15.08.2027", "15 août 2027"],
                &["2027-08-15"],
            ),
            fact(
                "department",
                TEXT,
                ["Department", "Abteilung", "Département"],
                ["Joinery", "Tischlerei", "Menuiserie"],
                &["Joinery", "Tischlerei", "Menuiserie"],
            ),
        ],
    },
    Domain {
        name: "films",
        headings: ["The Long Tide", "Die lange Flut", "La longue marée"],
        facts: &[
            fact(
                "director",
                TEXT,
                ["Directed by", "Regie", "Réalisation"],
                ["Mara Lind", "Mara Lind", "Mara Lind"],
                &["Mara Lind"],
            ),
            fact(
                "cast",
                TEXTS,
                ["Cast", "Besetzung", "Distribution"],
                ["Ole Brand, Tia Moor", "Ole Brand, Tia Moor", "Ole Brand, Tia Moor"],
                &[r#"["Ole Brand","Tia Moor"]"#],
            ),
            fact(
                "runtime_minutes",
                WHOLE,
                ["Running time", "Laufzeit", "Durée"],
                ["1 h 47 min", "1 Std. 47 Min.", "1 h 47 min"],
                &["107"],
            ),
            fact(
                "release_date",
                DAY,
                ["Release date", "Erscheinungsdatum", "Date de sortie"],
                ["12 March 2026", "12. März 2026", "12 mars 2026"],
                &["2026-03-12"],
            ),
            fact(
                "language",
                TEXT,
                ["Language", "Sprache", "Langue"],
                ["Danish", "Dänisch", "Danois"],
                &["Danish", "Dänisch", "Danois"],
            ),
        ],
    },
    Domain {
        name: "books",
        headings: ["Salt Roads", "Salzwege", "Routes du sel"],
        facts: &[
            fact(
                "isbn",
                TEXT,
                ["ISBN-13", "ISBN", "ISBN"],
                ["978-3-16-148410-0", "978-3-16-148410-0", "978-3-16-148410-0"],
                &["978-3-16-148410-0"],
            ),
            fact(
                "publisher",
                TEXT,
                ["Publisher", "Verlag", "Éditeur"],
                ["Quay Press", "Kaiverlag", "Éditions du Quai"],
                &["Quay Press", "Kaiverlag", "Éditions du Quai"],
            ),
            fact(
                "pages",
                WHOLE,
                ["Page count", "Seitenzahl", "Nombre de pages"],
                ["1,024", "1.024", "1 024"],
                &["1024"],
            ),
            fact(
                "translator",
                TEXT,
                ["Translated by", "Übersetzung", "Traduction"],
                ["Ida Noor", "Ida Noor", "Ida Noor"],
                &["Ida Noor"],
            ),
            fact(
                "published",
                DAY,
                ["Published", "Erschienen am", "Paru le"],
                ["September 9, 2025", "9. September 2025", "9 septembre 2025"],
                &["2025-09-09"],
            ),
        ],
    },
    Domain {
        name: "programs",
        headings: ["tidetool", "tidetool", "tidetool"],
        facts: &[
            fact(
                "version",
                TEXT,
                ["Latest version", "Aktuelle Version", "Dernière version"],
                ["4.11.2", "4.11.2", "4.11.2"],
                &["\"4.11.2\""],
            ),
            fact(
                "license",
                TEXT,
                ["License", "Lizenz", "Licence"],
                ["Apache-2.0", "Apache-2.0", "Apache-2.0"],
                &["Apache-2.0"],
            ),
            fact(
                "downloads",
                WHOLE,
                ["Downloads", "Downloads", "Téléchargements"],
                ["48,210", "48.210", "48 210"],
                &["48210"],
            ),
            fact(
                "file_size_mb",
                NUMBER,
                ["File size", "Dateigröße", "Taille du fichier"],
                ["1.5 GB", "1,5 GB", "1500 MB"],
                &["1500.0"],
            ),
            fact(
                "platforms",
                TEXTS,
                ["Operating systems", "Betriebssysteme", "Systèmes d'exploitation"],
                ["Linux, Windows", "Linux, Windows", "Linux, Windows"],
                &[r#"["Linux","Windows"]"#],
            ),
        ],
    },
    Domain {
        name: "courses",
        headings: ["Weaving for beginners", "Weben für Anfänger", "Tissage pour débutants"],
        facts: &[
            fact(
                "start_date",
                DAY,
                ["Starts", "Beginn", "Début"],
                ["Monday, 7 June 2027", "Montag, 7. Juni 2027", "lundi 7 juin 2027"],
                &["2027-06-07"],
            ),
            fact(
                "instructor",
                TEXT,
                ["Teacher", "Kursleitung", "Formateur"],
                ["Nele Harms", "Nele Harms", "Nele Harms"],
                &["Nele Harms"],
            ),
            fact(
                "level",
                TEXT,
                ["Level", "Niveau", "Niveau"],
                ["basic", "Grundstufe", "débutant"],
                &["basic", "Grundstufe", "débutant"],
            ),
            fact("fee", NUMBER, ["Fee", "Gebühr", "Tarif"], ["€185", "185 €", "185 €"], &["185.0"]),
            fact(
                "participants",
                WHOLE,
                ["Participants", "Teilnehmer", "Participants"],
                ["12", "12", "12"],
                &["12"],
            ),
        ],
    },
    Domain {
        name: "cars",
        headings: ["Estate wagon", "Kombi", "Break"],
        facts: &[
            fact(
                "mileage_km",
                WHOLE,
                ["Mileage", "Kilometerstand", "Kilométrage"],
                ["84,300 km", "84.300 km", "84 300 km"],
                &["84300"],
            ),
            fact(
                "fuel_type",
                TEXT,
                ["Fuel type", "Kraftstoff", "Carburant"],
                ["Petrol", "Benzin", "Essence"],
                &["Petrol", "Benzin", "Essence"],
            ),
            fact(
                "power_kw",
                NUMBER,
                ["Power", "Leistung", "Puissance"],
                ["110 kW", "110 kW", "110 kW"],
                &["110.0"],
            ),
            fact(
                "first_registration",
                DAY,
                ["First registration", "Erstzulassung", "Mise en circulation"],
                ["3 April 2019", "03.04.2019", "3 avril 2019"],
                &["2019-04-03"],
            ),
            fact(
                "transmission",
                TEXT,
                ["Gearbox", "Getriebe", "Boîte de vitesses"],
                ["Manual", "Schaltung", "Manuelle"],
                &["Manual", "Schaltung", "Manuelle"],
            ),
            fact("doors", WHOLE, ["Doors", "Türen", "Portes"], ["5", "5", "5"], &["5"]),
        ],
    },
    Domain {
        name: "firms",
        headings: ["Contact", "Kontakt", "Coordonnées"],
        facts: &[
            fact(
                "phone",
                TEXT,
                ["Phone", "Telefon", "Téléphone"],
                ["+49 381 445566", "+49 381 445566", "+49 381 445566"],
                &["+49 381 445566"],
            ),
            fact(
                "email",
                r#"{"type":"string","format":"email"}"#,
                ["E-mail", "E-Mail", "Courriel"],
                ["desk@haus.example", "desk@haus.example", "desk@haus.example"],
                &["desk@haus.example"],
            ),
            fact(
                "vat_id",
                TEXT,
                ["VAT number", "USt-IdNr.", "Numéro de TVA"],
                ["DE811907980", "DE811907980", "DE811907980"],
                &["DE811907980"],
            ),
            fact(
                "opening_hours",
                TEXT,
                ["Opening hours", "Öffnungszeiten", "Horaires d'ouverture"],
                ["Tue–Sat 10:00–18:00", "Di–Sa 10:00–18:00", "mar–sam 10:00–18:00"],
                &["Tue–Sat 10:00–18:00", "Di–Sa 10:00–18:00", "mar–sam 10:00–18:00"],
            ),
            fact(
                "founded",
                WHOLE,
                ["Founded", "Gegründet", "Fondée en"],
                ["1974", "1974", "1974"],
                &["1974"],
            ),
        ],
    },
    Domain {
        name: "dishes",
        headings: ["Leek tart", "Lauchtarte", "Tarte aux poireaux"],
        facts: &[
            fact("servings", WHOLE, ["Servings", "Portionen", "Portions"], ["6", "6", "6"], &["6"]),
            fact(
                "prep_time_minutes",
                WHOLE,
                ["Preparation time", "Vorbereitungszeit", "Temps de préparation"],
                ["25 min", "25 Min.", "25 min"],
                &["25"],
            ),
            fact(
                "cook_time_minutes",
                WHOLE,
                ["Cooking time", "Backzeit", "Temps de cuisson"],
                ["40 min", "40 Min.", "40 min"],
                &["40"],
            ),
            fact(
                "difficulty",
                TEXT,
                ["Difficulty", "Schwierigkeit", "Difficulté"],
                ["easy", "leicht", "facile"],
                &["easy", "leicht", "facile"],
            ),
            fact(
                "calories",
                NUMBER,
                ["Calories", "Kalorien", "Calories"],
                ["380 kcal", "380 kcal", "380 kcal"],
                &["380.0"],
            ),
            fact(
                "vegetarian",
                YES,
                ["Vegetarian", "Vegetarian", "Vegetarian"],
                ["yes", "ja", "oui"],
                &["true"],
            ),
        ],
    },
];
