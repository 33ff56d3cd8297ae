//! The names of elements that have rules of their own in tree construction, and the sets that the rules use.
//!
//! The sets are those of the HTML standard (section 13.2.4, "Parse state"), without foreign elements, which never
//! reach the reader.

macro_rules! names {
    ($($text:literal $name:ident,)+) => {
        /// The name of an element as tree construction sees it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Name {
            /// Any other element.
            Other,
            $(
                #[doc = "The element of this name."]
                $name,
            )+
        }

        impl Name {
            /// Returns the name of a tag in lower case.
            pub(super) fn of(text: &[u8]) -> Self {
                match text {
                    $($text => Self::$name,)+
                    _ => Self::Other,
                }
            }

            /// Returns the name as it is written; empty for [`Name::Other`].
            pub(super) fn text(self) -> &'static [u8] {
                match self {
                    Self::Other => b"",
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

names! {
    b"a" A, b"address" Address, b"applet" Applet, b"area" Area, b"article" Article, b"aside" Aside,
    b"b" B, b"base" Base, b"basefont" Basefont, b"bgsound" Bgsound, b"big" Big,
    b"blockquote" Blockquote, b"body" Body, b"br" Br, b"button" Button, b"caption" Caption,
    b"center" Center, b"code" Code, b"col" Col, b"colgroup" Colgroup, b"dd" Dd,
    b"details" Details, b"dialog" Dialog, b"dir" Dir, b"div" Div, b"dl" Dl, b"dt" Dt, b"em" Em,
    b"embed" Embed, b"fieldset" Fieldset, b"figcaption" Figcaption, b"figure" Figure,
    b"font" Font, b"footer" Footer, b"form" Form, b"frame" Frame, b"frameset" Frameset, b"h1" H1,
    b"h2" H2, b"h3" H3, b"h4" H4, b"h5" H5, b"h6" H6, b"head" Head, b"header" Header,
    b"hgroup" Hgroup, b"hr" Hr, b"html" Html, b"i" I, b"iframe" Iframe, b"image" Image,
    b"img" Img, b"input" Input, b"isindex" Isindex, b"keygen" Keygen, b"li" Li, b"link" Link,
    b"listing" Listing, b"main" Main, b"marquee" Marquee, b"math" Math, b"menu" Menu,
    b"meta" Meta, b"nav" Nav, b"nobr" Nobr, b"noembed" Noembed, b"noframes" Noframes,
    b"noscript" Noscript, b"object" Object, b"ol" Ol, b"optgroup" Optgroup, b"option" Option,
    b"p" P, b"param" Param, b"plaintext" Plaintext, b"pre" Pre, b"rb" Rb, b"rp" Rp, b"rt" Rt,
    b"rtc" Rtc, b"ruby" Ruby, b"s" S, b"script" Script, b"search" Search, b"section" Section,
    b"select" Select, b"small" Small, b"source" Source, b"strike" Strike, b"strong" Strong,
    b"style" Style, b"summary" Summary, b"svg" Svg, b"table" Table, b"tbody" Tbody, b"td" Td,
    b"template" Template, b"textarea" Textarea, b"tfoot" Tfoot, b"th" Th, b"thead" Thead,
    b"title" Title, b"tr" Tr, b"track" Track, b"tt" Tt, b"u" U, b"ul" Ul, b"wbr" Wbr, b"xmp" Xmp,
}

/// A set of names.
pub(super) type Set = fn(Name) -> bool;

impl Name {
    /// Returns `true` for elements that end the default scope.
    pub(super) fn ends_scope(self) -> bool {
        matches!(
            self,
            Self::Applet
                | Self::Caption
                | Self::Html
                | Self::Table
                | Self::Td
                | Self::Th
                | Self::Marquee
                | Self::Object
                | Self::Select
                | Self::Template
        )
    }

    /// Returns `true` for elements that end the scope of list items.
    pub(super) fn ends_list_scope(self) -> bool {
        self.ends_scope() || matches!(self, Self::Ol | Self::Ul)
    }

    /// Returns `true` for elements that end the scope of buttons.
    pub(super) fn ends_button_scope(self) -> bool {
        self.ends_scope() || self == Self::Button
    }

    /// Returns `true` for elements that end the scope of tables.
    pub(super) fn ends_table_scope(self) -> bool {
        matches!(self, Self::Html | Self::Table | Self::Template)
    }

    /// Returns `true` for the context of rows: groups of rows.
    pub(super) fn is_row_context(self) -> bool {
        matches!(self, Self::Tbody | Self::Tfoot | Self::Thead | Self::Template | Self::Html)
    }

    /// Returns `true` for the context of cells: rows.
    pub(super) fn is_cell_context(self) -> bool {
        matches!(self, Self::Tr | Self::Template | Self::Html)
    }

    /// Returns `true` for elements whose text would be moved out of the table.
    pub(super) fn is_table_part(self) -> bool {
        matches!(self, Self::Table | Self::Tbody | Self::Tfoot | Self::Thead | Self::Tr)
    }

    /// Returns `true` for cells.
    pub(super) fn is_cell(self) -> bool {
        matches!(self, Self::Td | Self::Th)
    }

    /// Returns `true` for elements whose end tag may be left out nearly everywhere.
    pub(super) fn has_implied_end(self) -> bool {
        matches!(
            self,
            Self::Dd
                | Self::Dt
                | Self::Li
                | Self::Option
                | Self::Optgroup
                | Self::P
                | Self::Rb
                | Self::Rp
                | Self::Rt
                | Self::Rtc
        )
    }

    /// Returns `true` for elements that the end of a template ends.
    pub(super) fn has_implied_end_in_template(self) -> bool {
        self.has_implied_end()
            || matches!(
                self,
                Self::Caption
                    | Self::Colgroup
                    | Self::Tbody
                    | Self::Td
                    | Self::Tfoot
                    | Self::Th
                    | Self::Thead
                    | Self::Tr
            )
    }

    /// Returns `true` for headings.
    pub(super) fn is_heading(self) -> bool {
        matches!(self, Self::H1 | Self::H2 | Self::H3 | Self::H4 | Self::H5 | Self::H6)
    }

    /// Returns `true` for elements that the parser opens again in the next block.
    pub(super) fn is_formatting(self) -> bool {
        matches!(
            self,
            Self::B
                | Self::Big
                | Self::Code
                | Self::Em
                | Self::Font
                | Self::I
                | Self::S
                | Self::Small
                | Self::Strike
                | Self::Strong
                | Self::Tt
                | Self::U
        )
    }

    /// Returns `true` for blocks that end a paragraph and have no further rule at their start.
    pub(super) fn is_plain_block(self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::Article
                | Self::Aside
                | Self::Blockquote
                | Self::Center
                | Self::Details
                | Self::Dialog
                | Self::Dir
                | Self::Div
                | Self::Dl
                | Self::Fieldset
                | Self::Figcaption
                | Self::Figure
                | Self::Footer
                | Self::Header
                | Self::Hgroup
                | Self::Main
                | Self::Menu
                | Self::Nav
                | Self::Ol
                | Self::P
                | Self::Search
                | Self::Section
                | Self::Summary
                | Self::Ul
        )
    }

    /// Returns `true` for elements of the standard's category "special".
    pub(super) fn is_special(self) -> bool {
        (self.is_plain_block() && !matches!(self, Self::Dialog | Self::Search))
            || self.is_heading()
            || (self.ends_scope())
            || self.is_head_content()
            || matches!(
                self,
                Self::Area
                    | Self::Body
                    | Self::Br
                    | Self::Button
                    | Self::Col
                    | Self::Colgroup
                    | Self::Dd
                    | Self::Dt
                    | Self::Embed
                    | Self::Form
                    | Self::Frame
                    | Self::Frameset
                    | Self::Head
                    | Self::Hr
                    | Self::Iframe
                    | Self::Img
                    | Self::Input
                    | Self::Isindex
                    | Self::Li
                    | Self::Listing
                    | Self::Noembed
                    | Self::Noscript
                    | Self::Param
                    | Self::Plaintext
                    | Self::Pre
                    | Self::Source
                    | Self::Tbody
                    | Self::Textarea
                    | Self::Tfoot
                    | Self::Thead
                    | Self::Tr
                    | Self::Track
                    | Self::Wbr
                    | Self::Xmp
            )
    }

    /// Returns `true` for elements that belong into the head wherever they are met.
    pub(super) fn is_head_content(self) -> bool {
        self.is_head_void()
            || matches!(
                self,
                Self::Noframes | Self::Script | Self::Style | Self::Template | Self::Title
            )
    }

    /// Returns `true` for elements of the head without content.
    pub(super) fn is_head_void(self) -> bool {
        matches!(self, Self::Base | Self::Basefont | Self::Bgsound | Self::Link | Self::Meta)
    }

    /// Returns `true` for tags that are part of a table's structure and are ignored elsewhere.
    pub(super) fn is_table_structure(self) -> bool {
        self.is_cell()
            || matches!(
                self,
                Self::Caption
                    | Self::Col
                    | Self::Colgroup
                    | Self::Tbody
                    | Self::Tfoot
                    | Self::Thead
                    | Self::Tr
            )
    }
}
