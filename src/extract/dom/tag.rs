//! The names of elements as one byte each, so that no walk compares strings.

macro_rules! tags {
    ($($name:literal $tag:ident,)+) => {
        /// The name of an element; text nodes have one too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Tag {
            /// A text node.
            Text,
            /// Any other element.
            Other,
            $($tag,)+
        }

        impl Tag {
            /// Returns the tag of a name in lower case, as the parser gives it.
            pub(crate) fn of(name: &str) -> Self {
                match name.as_bytes() {
                    $($name => Self::$tag,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

tags! {
    b"a" A, b"abbr" Abbr, b"acronym" Acronym, b"address" Address, b"amp-img" AmpImg,
    b"area" Area,
    b"article" Article, b"aside" Aside, b"audio" Audio, b"b" B, b"base" Base,
    b"big" Big, b"blockquote" Blockquote, b"body" Body, b"br" Br, b"button" Button, b"canvas" Canvas,
    b"caption" Caption, b"center" Center, b"cite" Cite, b"code" Code, b"col" Col,
    b"colgroup" Colgroup, b"data" Data, b"datalist" Datalist, b"dd" Dd, b"del" Del,
    b"details" Details, b"dfn" Dfn, b"dialog" Dialog, b"dir" Dir, b"div" Div, b"dl" Dl, b"dt" Dt,
    b"em" Em, b"embed" Embed, b"fieldset" Fieldset, b"figcaption" Figcaption, b"figure" Figure,
    b"font" Font, b"footer" Footer, b"form" Form, b"h1" H1, b"h2" H2, b"h3" H3, b"h4" H4,
    b"h5" H5, b"h6" H6, b"head" Head, b"header" Header, b"hgroup" Hgroup, b"hr" Hr, b"html" Html,
    b"i" I, b"iframe" Iframe, b"img" Img, b"input" Input, b"ins" Ins, b"kbd" Kbd,
    b"label" Label, b"legend" Legend, b"li" Li, b"link" Link, b"main" Main, b"mark" Mark,
    b"menu" Menu, b"meta" Meta, b"meter" Meter, b"nav" Nav, b"noscript" Noscript,
    b"object" Object, b"ol" Ol, b"optgroup" Optgroup, b"option" Option, b"output" Output, b"p" P,
    b"picture" Picture, b"pre" Pre, b"progress" Progress, b"q" Q, b"s" S, b"samp" Samp,
    b"script" Script, b"search" Search, b"section" Section, b"select" Select, b"small" Small,
    b"source" Source, b"span" Span, b"strike" Strike, b"strong" Strong, b"style" Style,
    b"sub" Sub, b"summary" Summary, b"sup" Sup, b"svg" Svg, b"table" Table, b"tbody" Tbody,
    b"td" Td, b"template" Template, b"textarea" Textarea, b"tfoot" Tfoot, b"th" Th,
    b"thead" Thead, b"time" Time, b"title" Title, b"tr" Tr, b"track" Track, b"tt" Tt, b"u" U,
    b"ul" Ul, b"var" Var, b"video" Video, b"wbr" Wbr, b"x-tex" Formula,
}

impl Tag {
    /// Returns `true` if the element is content on no page.
    pub(crate) fn is_never_content(self) -> bool {
        matches!(
            self,
            Self::Audio
                | Self::Button
                | Self::Canvas
                | Self::Datalist
                | Self::Dialog
                | Self::Embed
                | Self::Head
                | Self::Iframe
                | Self::Input
                | Self::Noscript
                | Self::Object
                | Self::Script
                | Self::Select
                | Self::Style
                | Self::Svg
                | Self::Template
                | Self::Textarea
                | Self::Video
        )
    }

    /// Returns `true` if the element is a block.
    pub(crate) fn is_block(self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::Article
                | Self::Aside
                | Self::Blockquote
                | Self::Body
                | Self::Caption
                | Self::Center
                | Self::Dd
                | Self::Details
                | Self::Dir
                | Self::Div
                | Self::Dl
                | Self::Dt
                | Self::Fieldset
                | Self::Figcaption
                | Self::Figure
                | Self::Footer
                | Self::Form
                | Self::Header
                | Self::Hgroup
                | Self::Hr
                | Self::Li
                | Self::Main
                | Self::Menu
                | Self::Nav
                | Self::Ol
                | Self::P
                | Self::Pre
                | Self::Search
                | Self::Section
                | Self::Summary
                | Self::Table
                | Self::Tbody
                | Self::Td
                | Self::Tfoot
                | Self::Th
                | Self::Thead
                | Self::Tr
                | Self::Ul
        ) || self.level().is_some()
    }

    /// Returns `true` if a cell with this element lays out a page.
    pub(crate) fn is_part(self) -> bool {
        matches!(self, Self::Table | Self::H1 | Self::H2 | Self::H3 | Self::Ul)
    }

    /// Returns the level of a heading.
    pub(crate) fn level(self) -> Option<usize> {
        Some(match self {
            Self::H1 => 1,
            Self::H2 => 2,
            Self::H3 => 3,
            Self::H4 => 4,
            Self::H5 => 5,
            Self::H6 => 6,
            _ => return None,
        })
    }
}
