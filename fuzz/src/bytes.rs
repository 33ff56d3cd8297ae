//! Small decisions out of a fuzzer's bytes.

/// Returns bytes from the front of an input, and zeros after its end, so that any input is complete.
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Returns a number of any size. The first byte is the number of bytes that follow, so small numbers are common.
    pub fn number(&mut self) -> u64 {
        let length = self.below(9);
        self.take(length).iter().fold(0, |sum, it| sum << 8 | u64::from(*it))
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Up to `length` bytes.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Up to the end of the line, which is left out; all there is if there is none.
    pub fn line(&mut self) -> &'a [u8] {
        let length = self.0.iter().position(|it| *it == b'\n').unwrap_or(self.0.len());
        let line = self.take(length);
        self.take(1);
        line
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Lines of `name: value` up to an empty one, as a response has them.
pub fn headers(bytes: &mut Bytes<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    loop {
        let line = String::from_utf8_lossy(bytes.line());
        let Some((name, value)) = line.split_once(':') else { return headers };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}
