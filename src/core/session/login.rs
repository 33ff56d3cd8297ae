//! Recognizes the page of a site that asks for a login.
//!
//! Only pages that were fetched with a session are judged by it: for them, a form that asks for a password instead of the
//! page is a sign that the session is over.

use crate::core::verdict::{Response, visible_bytes};

/// The most visible text of a page that consists of its login form. A page with more has content of its own, and a form
/// in its header or footer.
const MAX_FORM_PAGE_BYTES: usize = 2_500;
/// The most bytes of a page that are searched for a form.
const MAX_SEARCHED_BYTES: usize = 512 * 1_024;
/// The most bytes of a link, button or form that are searched for a logout.
const MAX_LINK_BYTES: usize = 512;
/// Names of a logout in the texts and targets of links.
const LOGOUT_WORDS: [&str; 6] = ["logout", "log-out", "signout", "sign-out", "log out", "sign out"];
/// Path segments that lead to a login.
const LOGIN_SEGMENTS: [&str; 16] = [
    "accounts.login",
    "auth",
    "authenticate",
    "authorize",
    "log-in",
    "log_in",
    "login",
    "logon",
    "oauth",
    "oauth2",
    "saml",
    "sign-in",
    "sign_in",
    "signin",
    "sso",
    "user-login",
];

/// Signs that a response is the site's login, in words that contain nothing of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginSigns {
    /// Signs that the visitor is logged out.
    pub logged_out: Vec<&'static str>,
    /// Signs that the visitor is logged in.
    pub logged_in: Vec<&'static str>,
}

impl LoginSigns {
    /// Returns `true` if the response is the site's login and not the page.
    pub fn is_login(&self) -> bool {
        !self.logged_out.is_empty()
    }
}

/// Looks for signs of a login in the response to `requested`, which came from `reached` after redirects.
pub fn login_signs(requested: &str, reached: &str, response: &Response<'_>) -> LoginSigns {
    let mut signs = LoginSigns::default();
    if response.status == 401 {
        signs.logged_out.push("status 401");
    }
    if is_login_url(reached) && !is_login_url(requested) {
        signs.logged_out.push("redirect to a login page");
    }
    if !is_html(response) || is_login_url(requested) {
        return signs;
    }
    let body = &response.body[..response.body.len().min(MAX_SEARCHED_BYTES)];
    let page = String::from_utf8_lossy(body).to_ascii_lowercase();
    let is_form = asks_for_password(&page) && visible_bytes(response) <= MAX_FORM_PAGE_BYTES;
    // A page that asks a logged-in visitor to confirm the password can be as short as a login.
    if is_form && !offers_logout(&page) {
        signs.logged_out.push("a password form instead of the page");
    }
    if names_logout(&page) {
        signs.logged_in.push("a link to log out");
    }
    signs
}

/// Returns `true` if a text in lower case names a logout.
fn names_logout(text: &str) -> bool {
    LOGOUT_WORDS.iter().any(|it| text.contains(it))
}

/// Returns `true` if a link, button or form of the page logs out. Scripts of a login page often name a logout too.
fn offers_logout(page: &str) -> bool {
    ["<a ", "<button", "<form"].iter().any(|tag| {
        page.match_indices(tag).any(|(at, _)| {
            let element = &page.as_bytes()[at..page.len().min(at + MAX_LINK_BYTES)];
            let element = String::from_utf8_lossy(element);
            names_logout(element.split("</").next().unwrap_or_default())
        })
    })
}

fn is_html(response: &Response<'_>) -> bool {
    response.header("content-type").is_none_or(|it| it.to_ascii_lowercase().contains("html"))
}

/// Returns `true` if a segment of the URL's path, or the first label of its host, is that of a login.
fn is_login_url(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest).to_ascii_lowercase();
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/');
    let host = parts.next().unwrap_or_default();
    let label = host.split('.').next().unwrap_or_default();
    let stem = |it: &str| it.split_once('.').map_or(it, |(stem, _)| stem).to_owned();
    ["login", "signin", "sso"].contains(&label)
        || parts.any(|it| LOGIN_SEGMENTS.contains(&it) || LOGIN_SEGMENTS.contains(&&*stem(it)))
}

/// Returns `true` if a form of the page asks for a password that exists. `page` is in lower case.
fn asks_for_password(page: &str) -> bool {
    page.match_indices("<input").any(|(at, _)| {
        let tag = &page[at..];
        let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
        let is_password = ["type=\"password\"", "type='password'", "type=password"]
            .iter()
            .any(|it| tag.contains(it));
        is_password && !tag.contains("new-password")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str =
        "<h1>Welcome</h1><form><input name=u><input type=\"password\" name=p></form>";

    fn signs(requested: &str, reached: &str, status: u16, body: &str) -> LoginSigns {
        let headers = [("content-type".to_owned(), "text/html".to_owned())];
        login_signs(requested, reached, &Response::new(status, &headers, body.as_bytes()))
    }

    #[test]
    fn a_login_is_recognized_by_status_redirect_and_form() {
        let page = "https://a.test/orders";

        assert!(signs(page, page, 401, "").is_login());
        assert!(signs(page, "https://a.test/users/sign_in?next=/orders", 200, "hello").is_login());
        assert!(signs(page, "https://login.a.test/", 200, "hello").is_login());
        assert!(signs(page, "https://a.test/Login.aspx", 200, "hello").is_login());
        assert!(signs(page, page, 200, FORM).is_login());
        let script = format!("{FORM}<script>var urls = {{logoutUrl: '/logout'}}</script>");
        assert!(signs(page, page, 200, &script).is_login(), "a script offers no logout");
    }

    #[test]
    fn other_pages_are_not_logins() {
        let page = "https://a.test/orders";
        let long = format!("{FORM}<p>{}</p>", "An order with many words. ".repeat(200));
        let change = "<input type=password autocomplete=new-password>";

        assert!(!signs(page, page, 200, &long).is_login(), "a form beside content");
        assert!(!signs(page, page, 200, change).is_login(), "a new password");
        for logout in
            ["<a href=/logout><b>Bye</b></a>", "<form action=/x><button>Log out</button></form>"]
        {
            let confirm = format!("{logout}{FORM}");
            assert!(!signs(page, page, 200, &confirm).is_login(), "a confirmation: {logout}");
        }
        assert!(signs(page, page, 401, "<a href=/logout>Log out</a>").is_login(), "status 401");
        assert!(!signs(page, "https://a.test/authors/ann", 200, "Ann").is_login());
        assert!(!signs("https://a.test/login", "https://a.test/login", 200, FORM).is_login());
        let signs = signs(page, page, 200, "<a href=/logout>Log out</a>");
        assert_eq!(signs.logged_in, ["a link to log out"]);
    }
}
