//! Pages to outputs: decoding, text, markdown, HTML and structured data.
