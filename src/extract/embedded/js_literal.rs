//! Reads JavaScript literals without running anything.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use crate::extract::value::weight::weight;

/// Values inside values that are read.
const MAX_DEPTH: usize = 120;

/// Reads of each byte of a source: a body is scanned before it is read, and the place behind each value
/// is visited several times.
const FUEL: usize = 6;
/// Bytes that parameters may add, in times the source: Nuxt writes each text that its state has twice or
/// more as a parameter, whose name is a letter or two.
const COPIES: usize = 16;
/// Bytes that parameters may add to any source.
const MAX_COPIED: usize = 16 * 1_024 * 1_024;
/// The budget of the smallest source.
const SPARE: usize = 4_096;

/// Reads values of one source with a bound on the work.
///
/// The bound is shared by all that is read with one reader, so that no source costs more than in
/// proportion to its length, and a parameter that is named often is not copied without measure.
pub(super) struct LiteralReader<'a> {
    source: &'a str,
    at: usize,
    /// Bytes that may still be read.
    fuel: usize,
    /// Bytes that parameters may still add where they are named.
    copies: usize,
    /// The values of the parameters of the function around the data.
    scope: HashMap<&'a str, Value>,
}

impl<'a> LiteralReader<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let fuel = source.len() * FUEL + SPARE;
        let copies = (source.len() * COPIES + SPARE).min(MAX_COPIED);
        Self { source, at: 0, fuel, copies, scope: HashMap::new() }
    }

    /// Reads the value at a place and returns it with the place behind it.
    pub(super) fn value_at(&mut self, at: usize) -> Option<(Value, usize)> {
        if self.fuel == 0 {
            return None;
        }
        self.at = at;
        self.scope.clear();
        let value = self.value(0)?;
        Some((value, self.at))
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Pays for bytes. A cost above the budget exhausts it, and nothing is read after it.
    fn burn(&mut self, bytes: usize) -> Option<()> {
        let left = self.fuel.checked_sub(bytes);
        self.fuel = left.unwrap_or_default();
        left.map(drop)
    }

    /// Finds a mark behind `from`. A search without a result costs the bytes that were searched.
    fn find(&mut self, from: usize, mark: &str) -> Option<usize> {
        let rest = self.rest().get(from..)?;
        let found = rest.find(mark);
        if found.is_none() {
            self.burn(rest.len())?;
        }
        found
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at += bytes;
        self.burn(bytes)
    }

    /// Skips white space and comments.
    fn blank(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start().len();
            let comment = match rest.get(spaces..spaces + 2) {
                Some("/*") => self.find(spaces, "*/")? + 2,
                Some("//") => self.find(spaces, "\n")?,
                _ => 0,
            };
            self.skip(spaces + comment)?;
            if comment == 0 {
                return Some(());
            }
        }
    }

    /// Skips a mark if it comes next.
    fn take(&mut self, mark: &str) -> Option<bool> {
        self.blank()?;
        let found = self.rest().starts_with(mark);
        self.skip(if found { mark.len() } else { 1 })?;
        if !found {
            self.at -= 1;
        }
        Some(found)
    }

    fn expect(&mut self, mark: &str) -> Option<()> {
        self.take(mark)?.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blank()?;
        match self.rest().as_bytes().first()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' | b'\'' | b'`' => self.string().map(Value::String),
            b'(' => self.parenthesised(depth),
            b'!' => {
                self.skip(1)?;
                let zero = self.number()?.as_f64() == Some(0.0);
                Some(Value::Bool(zero))
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' => self.number(),
            _ => self.word(depth),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.expect("{")?;
        let mut object = Map::new();
        loop {
            if self.take("}")? {
                return Some(Value::Object(object));
            }
            let key = match self.rest().as_bytes().first()? {
                b'"' | b'\'' => self.string()?,
                _ => self.name()?.to_owned(),
            };
            self.expect(":")?;
            let value = self.value(depth + 1)?;
            object.insert(key, value);
            if !self.take(",")? {
                self.expect("}")?;
                return Some(Value::Object(object));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.expect("[")?;
        self.values("]", depth).map(Value::Array)
    }

    /// Reads values between commas up to a mark; a hole is null.
    fn values(&mut self, end: &str, depth: usize) -> Option<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            if self.take(end)? {
                return Some(all);
            }
            if self.take(",")? {
                all.push(Value::Null);
                continue;
            }
            all.push(self.value(depth + 1)?);
            if !self.take(",")? {
                self.expect(end)?;
                return Some(all);
            }
        }
    }

    /// Reads a number, as a value or as a key.
    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '+' | '-');
        let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let text = rest.get(..length)?;
        self.skip(length)?;
        let plain = text.trim_end_matches('n').trim_start_matches('+');
        let plain = if plain.starts_with('.') { format!("0{plain}") } else { plain.to_owned() };
        if let Ok(whole) = plain.parse::<i64>() {
            return Some(whole.into());
        }
        let number = plain.parse::<f64>().ok()?;
        Some(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    /// Reads the name of a field, a parameter or a function.
    fn name(&mut self) -> Option<&'a str> {
        self.blank()?;
        let rest = self.rest();
        let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '$');
        let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        self.skip(length)?;
        rest.get(..length).filter(|it| !it.is_empty())
    }

    /// Reads a string in any of the three quotes, unless parts of it would have to be run.
    fn string(&mut self) -> Option<String> {
        let mut symbols = self.rest().char_indices();
        let read = quoted(&mut symbols);
        let length = symbols.offset();
        match read {
            Some(text) => self.skip(length).map(|()| text),
            // A failed attempt costs the bytes that it read.
            None => self.burn(length).and(None),
        }
    }

    /// Reads a keyword, a parameter, or a call that only wraps data.
    fn word(&mut self, depth: usize) -> Option<Value> {
        let name = self.name()?;
        match name {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" | "undefined" | "NaN" | "Infinity" => Some(Value::Null),
            "void" => self.value(depth + 1).map(|_| Value::Null),
            "new" => {
                self.name()?;
                self.wrapped(depth)
            }
            "JSON" => {
                self.expect(".")?;
                (self.name()? == "parse").then_some(())?;
                let text = self.wrapped(depth)?;
                let text = text.as_str()?;
                self.burn(text.len())?;
                serde_json::from_str(text).ok()
            }
            "decodeURIComponent" | "Object" | "Date" | "Map" | "Set" => self.wrapped(depth),
            _ => self.parameter(name),
        }
    }

    fn parameter(&mut self, name: &str) -> Option<Value> {
        // The first value takes the place of its name and costs no more than the name.
        let cost = self.scope.get(name).map_or(0, |it| weight(it) - weight(&Value::Null));
        self.copies = self.copies.checked_sub(cost).or_else(|| {
            self.fuel = 0;
            None
        })?;
        let value = self.scope.get(name).cloned().unwrap_or_default();
        // A call or a field access would have to be run.
        self.blank()?;
        let next = self.rest().chars().next();
        next.is_none_or(|it| matches!(it, ',' | ']' | '}' | ')' | ';')).then_some(value)
    }

    /// Reads the first argument of a call.
    fn wrapped(&mut self, depth: usize) -> Option<Value> {
        self.expect("(")?;
        Some(self.values(")", depth)?.into_iter().next().unwrap_or(Value::Null))
    }

    /// Reads a value in brackets, or a function that is called in place and returns its data.
    fn parenthesised(&mut self, depth: usize) -> Option<Value> {
        let begin = self.at;
        self.expect("(")?;
        self.blank()?;
        if self.rest().starts_with("function") && self.scope.is_empty() && depth == 0 {
            return self.called(depth);
        }
        self.at = begin + 1;
        let value = self.value(depth + 1)?;
        self.expect(")")?;
        Some(value)
    }

    /// `function(a,b){return {...}}(1,2))` or with the call outside the brackets.
    fn called(&mut self, depth: usize) -> Option<Value> {
        self.name()?;
        self.expect("(")?;
        let mut names = Vec::new();
        while !self.take(")")? {
            names.push(self.name()?);
            self.take(",")?;
        }
        let body = self.at;
        let end = self.body_end()?;
        self.at = end;
        self.take(")")?;
        self.expect("(")?;
        let given = self.values(")", depth)?;
        self.take(")")?;
        let behind = self.at;
        let source = self.source.get(body..end)?;
        self.at = body + source.find("return")? + "return".len();
        self.scope = names.into_iter().zip(given).collect();
        let value = self.value(depth + 1)?;
        self.at = behind;
        Some(value)
    }

    /// Returns the place behind the bracket that closes a function's body.
    fn body_end(&mut self) -> Option<usize> {
        let begin = self.at;
        let mut open = 0_usize;
        loop {
            let rest = self.rest();
            let Some(next) = rest.find(['{', '}', '"', '\'', '`']) else {
                self.burn(rest.len())?;
                return None;
            };
            self.skip(next)?;
            match rest.as_bytes().get(next)? {
                b'{' => open += 1,
                b'}' => open = open.checked_sub(1)?,
                _ => {
                    self.string()?;
                    continue;
                }
            }
            self.skip(1)?;
            if open == 0 {
                return (self.at > begin).then_some(self.at);
            }
        }
    }
}

/// Reads a string with its quotes.
fn quoted(symbols: &mut impl Iterator<Item = (usize, char)>) -> Option<String> {
    let (_, quote) = symbols.next()?;
    let mut out = String::new();
    let mut opens = false;
    while let Some((_, symbol)) = symbols.next() {
        if symbol == quote {
            return Some(out);
        }
        if opens && symbol == '{' {
            return None;
        }
        opens = quote == '`' && symbol == '$';
        match symbol {
            '\\' => escape(symbols, &mut out)?,
            it => out.push(it),
        }
    }
    None
}

/// Reads an escape in a string.
fn escape(symbols: &mut impl Iterator<Item = (usize, char)>, out: &mut String) -> Option<()> {
    let mut next = || symbols.next().map(|(_, it)| it);
    let symbol = match next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' | 'f' | 'v' | '0' => ' ',
        '\n' => return Some(()),
        'x' => char::from_u32(hex(&mut next, 2)?)?,
        'u' => match hex(&mut next, 4)? {
            high @ 0xd800..=0xdbff => {
                (next()? == '\\' && next()? == 'u').then_some(())?;
                let low = hex(&mut next, 4)?.checked_sub(0xdc00)?;
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?
            }
            it => char::from_u32(it).unwrap_or(char::REPLACEMENT_CHARACTER),
        },
        it => it,
    };
    out.push(symbol);
    Some(())
}

fn hex(next: &mut impl FnMut() -> Option<char>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |sum, _| Some(sum * 16 + next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(source: &str) -> Option<Value> {
        LiteralReader::new(source).value_at(0).map(|(value, _)| value)
    }

    #[test]
    fn a_literal_is_read_as_a_script_means_it() {
        for (source, value) in [
            ("{a:1,'b':\"x\",\"c\":[,2,],d:{}}", json!({"a":1,"b":"x","c":[null,2],"d":{}})),
            (
                "{a:!0,b:!1,c:void 0,d:undefined,e:.5,f:-3,g:1e2}",
                json!({
                    "a":true,"b":false,"c":null,"d":null,"e":0.5,"f":-3,"g":100.0
                }),
            ),
            (r#""caf\u00e9 \ud83d\ude00 \x41\n\/""#, json!("café 😀 A\n/")),
            ("/* first */ [1, // one\n 2]", json!([1, 2])),
            ("JSON.parse('{\"a\":[1]}')", json!({"a":[1]})),
            ("new Date(\"2024-05-01\")", json!("2024-05-01")),
            ("`two\nlines`", json!("two\nlines")),
        ] {
            assert_eq!(read(source), Some(value), "{source}");
        }
    }

    #[test]
    fn a_function_called_where_it_stands_gives_its_data_with_its_arguments_in_place() {
        let inside = "(function(a,b,c){return {title:a,tags:[b,a],open:c}}(\"Tea\",'x}',!0));";
        let outside = "(function(a){return [a]})([1,2])";

        let read_inside = read(inside);

        assert_eq!(read_inside, Some(json!({"title":"Tea","tags":["x}","Tea"],"open":true})));
        assert_eq!(read(outside), Some(json!([[1, 2]])));
    }

    #[test]
    fn what_would_have_to_be_run_is_no_data() {
        for source in
            ["{a:b()}", "{a:b.c}", "`${x}`", "{a}", "{...a}", "[1", "\"open", "function(){}"]
        {
            assert_eq!(read(source), None, "{source}");
        }
    }

    #[test]
    fn nesting_and_copies_have_a_bound() {
        assert_eq!(read(&"[".repeat(100_000)), None);
        let long = "x".repeat(100_000);
        let copies = "a,".repeat(10_000);
        assert_eq!(read(&format!("(function(a){{return [{copies}]}}(\"{long}\"))")), None);
    }

    /// The state that Nuxt 2 embeds for a shop's list: repeated values become parameters.
    fn shop(things: usize) -> String {
        let mut given: Vec<String> = ["!1", "null", "\"\"", "!0", "0"].map(str::to_owned).to_vec();
        for at in 0..40 {
            given.push(format!("\"https:\\u002F\\u002Fcdn.shop.example\\u002Fbrands\\u002F{at}\\u002Flogo-of-the-brand.svg\""));
            given.push(format!("\"Brand {at}\""));
            given.push(format!("{{id:{at},name:\"Category {at}\",parent:null}}"));
        }
        let name = |at: usize| {
            format!("{}{}", char::from(b'a' + u8::try_from(at % 26).unwrap_or(0)), at / 26)
        };
        let names: Vec<String> = (0..given.len()).map(name).collect();
        let list = (0..things).map(|at| {
            let own = 5 + at % 40 * 3;
            format!(
                "{{id:{at},title:\"Thing {at}\",sold:{},note:{},sub:{},open:{},tax:{},logo:{},brand:{},\
                 cats:[{},{}],more:{{a:{},b:{},c:{},d:{}}}}}",
                names[0], names[1], names[2], names[3], names[4], names[own], names[own + 1],
                names[own + 2], names[7], names[0], names[1], names[4], names[3],
            )
        });
        format!(
            "(function({}){{return {{layout:\"default\",data:[{{list:[{}]}}],fetch:{{}}}}}}({}))",
            names.join(","),
            list.collect::<Vec<_>>().join(","),
            given.join(","),
        )
    }

    #[test]
    fn a_state_dense_in_parameters_is_read_whole() {
        let source = shop(1_700);
        assert!(source.len() > 200_000, "{}", source.len());

        let read = read(&source).expect("a state");

        let things = read["data"][0]["list"].as_array().expect("a list");
        assert_eq!(things.len(), 1_700);
        let last = &things[1_699];
        assert_eq!(last["brand"], "Brand 19");
        assert_eq!(last["logo"], "https://cdn.shop.example/brands/19/logo-of-the-brand.svg");
        assert_eq!(last["cats"][0], json!({ "id": 19, "name": "Category 19", "parent": null }));
        assert_eq!((&last["sold"], &last["note"]), (&json!(false), &json!(null)));
    }

    #[test]
    fn what_is_looked_for_in_vain_is_paid_for() {
        for begin in ["[/*", "[//", "(function()"] {
            let source = begin.repeat(10_000);
            let mut reader = LiteralReader::new(&source);

            let places = (0..source.len()).step_by(begin.len()).take(100);
            let read = places.filter_map(|it| reader.value_at(it)).count();

            assert_eq!((read, reader.fuel), (0, 0), "{begin}");
        }
    }
}
