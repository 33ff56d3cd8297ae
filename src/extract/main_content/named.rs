//! Parts and lines whose words say that they are no part of the content.

use super::Kind;
use crate::extract::doc::Id;
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// What begins a heading over what frames the content.
const NAMED: [&str; 36] = [
    "related",
    "you may also",
    "you might also",
    "recommended",
    "recently viewed",
    "frequently bought",
    "customers also",
    "customers who",
    "people also",
    "similar ",
    "more from",
    "more like this",
    "share this",
    "sign up",
    "subscribe",
    "newsletter",
    "follow us",
    "read next",
    "read more",
    "up next",
    "popular posts",
    "most popular",
    "trending",
    "latest posts",
    "latest news",
    "recent posts",
    "leave a comment",
    "leave a reply",
    "comments",
    "join the conversation",
    "ähnliche",
    "das könnte",
    "vous aimerez",
    "también te",
    "sponsored",
    "advertisement",
];

/// What is in a heading over what buyers say.
const REVIEWS: [&str; 5] = ["review", "bewertung", "avis client", "opinion", "recension"];

/// What begins a line that invites to press it.
const INVITATIONS: [&str; 48] = [
    "add to",
    "back to",
    "book a",
    "book now",
    "buy now",
    "choose options",
    "clear",
    "click here",
    "close",
    "compare",
    "contact us",
    "continue reading",
    "download",
    "explore",
    "filter",
    "find out more",
    "follow",
    "get a",
    "get in touch",
    "get started",
    "join now",
    "learn more",
    "load more",
    "log in",
    "login",
    "next",
    "previous",
    "quick shop",
    "quick view",
    "read more",
    "read the",
    "refine",
    "reply",
    "report",
    "search",
    "see all",
    "see more",
    "share",
    "shop",
    "show all",
    "show more",
    "sign in",
    "sign up",
    "skip to",
    "sort",
    "subscribe",
    "try it",
    "view",
];
/// Words of such a line.
const INVITATION_WORDS: usize = 6;
/// Bytes of a line that may be one.
const INVITATION: usize = 60;

/// Leaves out lines that invite to press them.
pub(super) fn skip_invitations(view: &mut View<'_, '_>) {
    let doc = view.doc;
    let is_line = |it: &Id| {
        let node = doc.node(*it);
        // Among blocks an inline element is a line of its own.
        let alone = || matches!(node.tag, Tag::A | Tag::Span) && doc.node(node.parent).has_block;
        (matches!(node.tag, Tag::Div | Tag::P) || alone())
            && !node.has_block
            && (1..INVITATION).contains(&node.text)
    };
    let lines: Vec<Id> = view.shown().filter(is_line).collect();
    for line in lines {
        let text = doc.folded_text(line).to_lowercase();
        let invites = INVITATIONS.iter().any(|it| {
            let rest = text.strip_prefix(it);
            rest.is_some_and(|it| !it.starts_with(char::is_alphanumeric))
        });
        let ends = text.ends_with(['.', ':', '?']);
        if invites && !ends && text.split(' ').count() <= INVITATION_WORDS {
            view.skip(line);
        }
    }
}

/// Leaves out what stands under a heading that names what frames the content.
pub(super) fn skip_sections(view: &mut View<'_, '_>, kind: Kind) {
    let doc = view.doc;
    let (root, total) = (view.root, doc.node(view.root).text);
    let heads: Vec<Id> = view
        .shown()
        .filter(|it| {
            let node = doc.node(*it);
            node.tag.level().is_some_and(|it| it >= 2) && (4..60).contains(&node.text)
        })
        .collect();
    for head in heads {
        let text = doc.folded_text(head).to_lowercase();
        let reviews = || kind == Kind::Product && REVIEWS.iter().any(|it| text.contains(it));
        if !NAMED.iter().any(|it| text.starts_with(it)) && !reviews() {
            continue;
        }
        let level = doc.tag(head).level().unwrap_or(2);
        // The part that the heading heads: as large as it goes without another heading before it.
        let mut part = head;
        for around in doc.around(head).skip(1).take_while(|it| *it != root) {
            let other = (around..doc.end(around))
                .find(|it| *it != head && doc.tag(*it).level().is_some_and(|it| it <= level));
            if other.is_some() || doc.node(around).text * 3 > total {
                break;
            }
            part = around;
        }
        if part != head && doc.node(part).text > doc.node(head).text {
            view.skip(part);
            continue;
        }
        // Else what follows it, up to the next heading.
        let parent = doc.node(part).parent;
        let mut rest: Vec<Id> = vec![part];
        for next in doc.children(parent).filter(|it| *it > part) {
            if (next..doc.end(next)).any(|it| doc.tag(it).level().is_some_and(|it| it <= level)) {
                break;
            }
            rest.push(next);
        }
        let length: usize = rest.iter().map(|it| doc.node(*it).text).sum();
        if length * 3 < total {
            for id in rest {
                view.skip(id);
            }
        }
    }
}
