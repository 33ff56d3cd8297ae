//! Explains every error code of the API: the event and the remedy.

use crate::core::failure::ErrorCode;

/// An error code with its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeInfo {
    /// The code, as in the body's `code`.
    pub(crate) code: &'static str,
    /// Description of the event, as one sentence.
    pub(crate) meaning: &'static str,
    /// Remedy for the client or the operator, as one sentence.
    pub(crate) remedy: &'static str,
}

const fn info(code: &'static str, meaning: &'static str, remedy: &'static str) -> CodeInfo {
    CodeInfo { code, meaning, remedy }
}

/// Codes of refused requests. A page never fails with one of them.
const REQUEST_CODES: [CodeInfo; 30] = [
    info(
        "VALIDATION_ERROR",
        "The request is malformed, or a field or parameter has an invalid value.",
        "Correct the part that `field` and `message` name.",
    ),
    info(
        "AUTHENTICATION_ERROR",
        "The API key is missing or unknown.",
        "Send a valid key in the header `X-API-Key`, or as a bearer token in `Authorization`.",
    ),
    info(
        "INSUFFICIENT_SCOPE",
        "The API key does not open this path: a key for metrics opens `/metrics` only, one for administration opens \
         `/api/v1/accounts` only, and other keys open neither.",
        "Use a key with the scope, from `rungs key NAME --metrics` or `rungs key NAME --admin`.",
    ),
    info(
        "CROSS_SITE_REQUEST",
        "A page of another website sent the request to a service without API keys.",
        "Use a program instead of a browser, or require API keys, for example with `--api-keys`.",
    ),
    info(
        "RATE_LIMIT_EXCEEDED",
        "The API key has too many requests per minute, or too many at the same time.",
        "Retry after `retry_after` seconds, or send fewer requests at once.",
    ),
    info(
        "SPEND_LIMIT_EXCEEDED",
        "The budget of the API key does not cover the submission, for which the most that it may cost is reserved.",
        "Lower `max_tier` or `max_credits`, submit fewer pages, or have the budget raised. If there is a `retry_after`, \
         the submission fits when the budget's period starts over.",
    ),
    info(
        "INSUFFICIENT_CREDITS",
        "The account's free credits do not cover the estimate of the batch.",
        "Grant the account more credits, submit fewer pages, or lower `max_tier` or `max_credits`.",
    ),
    info(
        "REQUEST_TIMEOUT",
        "The request's body did not arrive in time.",
        "Send the request again.",
    ),
    info(
        "BATCH_NOT_FOUND",
        "The batch does not exist, belongs to another account, or has expired.",
        "Check the id. A batch expires 24 hours after its end unless the operator set another time.",
    ),
    info(
        "CRAWL_NOT_FOUND",
        "The crawl does not exist, belongs to another account, or has expired.",
        "Check the id. A crawl expires 24 hours after its end unless the operator set another time.",
    ),
    info(
        "CRAWL_ENDED",
        "The crawl to cancel has ended.",
        "Nothing is to be done: get the crawl for its result.",
    ),
    info(
        "SITE_UNREADABLE",
        "Nothing of the site to map could be read, or its robots.txt could not. The map costs nothing.",
        "Check the URL, or retry later. `message` has the reason.",
    ),
    info(
        "JOB_NOT_FOUND",
        "The job does not exist, belongs to another account, or has expired.",
        "Check the id. A job expires together with its batch.",
    ),
    info(
        "ARTIFACT_NOT_FOUND",
        "The job has no artifact of this name.",
        "Use a URL from `artifacts` of the job's result.",
    ),
    info(
        "DELIVERY_NOT_FOUND",
        "The webhook delivery does not exist, belongs to another account, or has expired.",
        "Check the id. A delivery expires together with its batch.",
    ),
    info(
        "IDEMPOTENCY_KEY_REUSED",
        "The `Idempotency-Key` was used for a batch with another body, or for a grant of another amount.",
        "Use a new key for each distinct submission.",
    ),
    info(
        "BATCH_NOT_ENDED",
        "The batch to retry is still processing.",
        "Wait for `batch.completed`, or cancel the batch first.",
    ),
    info(
        "ALREADY_RETRIED",
        "The batch was already retried with other options.",
        "Retry the batch that `message` names, which has the jobs that failed again.",
    ),
    info(
        "NOTHING_TO_RETRY",
        "No job of the batch to retry failed.",
        "Use the results: every page is there.",
    ),
    info(
        "NOT_CACHED",
        "The cache has no result for the document, and the request has `cache: only`.",
        "Use `cache: auto`, which reads the document.",
    ),
    info(
        "EXTRACTION_RUNNING",
        "An extraction with the same `Idempotency-Key` is still running.",
        "Retry after `retry_after` seconds.",
    ),
    info(
        "ACCOUNT_NOT_FOUND",
        "No credits were ever granted to the account, and no batch was submitted for it.",
        "Check the name of the account, or grant it credits.",
    ),
    info(
        "SESSION_NOT_FOUND",
        "The session does not exist, or belongs to another account.",
        "Check the id, or create the session again.",
    ),
    info(
        "TOO_MANY_SESSIONS",
        "The account has as many sessions as it may have.",
        "Delete sessions that are not used any more.",
    ),
    info(
        "SESSION_NOT_VALIDATED",
        "The start page of the session's domain could not be requested.",
        "Retry later, or validate the session by scraping a page with it.",
    ),
    info(
        "SESSION_SEALED",
        "The service has no key that opens the secret of the session.",
        "Have the operator add the earlier key to the file of `--session-keys`, or create the session again.",
    ),
    info(
        "NOT_IMPLEMENTED",
        "The service does not offer this, or was started without what it needs.",
        "See `message`, which names the option or the alternative.",
    ),
    info("NOT_FOUND", "The service has no such path.", "Use a path that `/openapi.json` lists."),
    info(
        "METHOD_NOT_ALLOWED",
        "The path does not support the method.",
        "Use a method that the header `Allow` lists.",
    ),
    info(
        "SERVICE_UNAVAILABLE",
        "The service is shutting down.",
        "Retry after `retry_after` seconds. Accepted batches resume after a restart.",
    ),
];

/// Codes of failed jobs. A request gets one if it waits for its page.
const JOB_CODES: [(ErrorCode, &str, &str); 25] = [
    (
        ErrorCode::BlockedByAntibot,
        "The site blocked the page on every allowed tier.",
        "Raise `max_tier`, or use a proxy with `advanced.use_proxy`.",
    ),
    (
        ErrorCode::ChallengeDetected,
        "The site shows a challenge or a captcha instead of the page.",
        "Render the page with `advanced.render_js`, use a proxy, or retry later.",
    ),
    (
        ErrorCode::Timeout,
        "The page was not fetched within `timeout`, or the client's wait for it ended.",
        "Poll the job if the body names one; otherwise raise `timeout` or retry later.",
    ),
    (
        ErrorCode::Cancelled,
        "The batch was canceled before the job ended.",
        "Submit the page again if it is still needed.",
    ),
    (
        ErrorCode::InvalidUrl,
        "The URL cannot be fetched.",
        "Use an http or https URL that a browser opens.",
    ),
    (
        ErrorCode::UnsupportedContentType,
        "The mode cannot read this kind of document, or the request's body has an unsupported type or encoding.",
        "Use mode `auto`, or the mode of the document: `pdf` or `ocr`. Send bodies as `application/json`.",
    ),
    (
        ErrorCode::DnsError,
        "The host name does not resolve.",
        "Check the spelling of the URL, or retry later.",
    ),
    (
        ErrorCode::ConnectionError,
        "The connection to the site was refused or broke.",
        "Retry later, or use a proxy.",
    ),
    (
        ErrorCode::TlsError,
        "The TLS handshake with the site failed, or its certificate is not valid.",
        "Check the site's certificate. Only the operator can trust further root certificates.",
    ),
    (
        ErrorCode::TargetHttpError,
        "The site responded with an error status, or its redirects lead nowhere.",
        "See `status_code`. A 4xx status needs another request; after a 5xx status retry later.",
    ),
    (
        ErrorCode::NotFoundTarget,
        "The site responded with 404 or 410: the page does not exist.",
        "Check the URL. Retrying cannot help.",
    ),
    (
        ErrorCode::PaywallDetected,
        "The page requires a payment.",
        "Send the cookies or headers of a subscription.",
    ),
    (
        ErrorCode::LoginRequired,
        "The page requires a login, or the stored session that it was fetched with has expired.",
        "Send the cookies or headers of a logged-in visitor, or refresh the session.",
    ),
    (
        ErrorCode::ContentTooLarge,
        "The page or the request's body exceeds a size limit.",
        "Raise `max_response_bytes` for a page, or split a batch into several.",
    ),
    (
        ErrorCode::EmptyContent,
        "The page has no content.",
        "Check the URL, render the page with `advanced.render_js`, or set `wait_for`.",
    ),
    (
        ErrorCode::ExtractionFailed,
        "The requested formats could not be made from the page.",
        "Request other formats, such as `raw`, and report the page.",
    ),
    (
        ErrorCode::RenderFailed,
        "The browser could not render the page, or no browser is installed.",
        "Retry later. The operator can check the browser with `rungs doctor`.",
    ),
    (
        ErrorCode::PdfParseFailed,
        "The PDF is damaged or encrypted, or no PDF reader is configured.",
        "Check that the document opens without a password.",
    ),
    (
        ErrorCode::OcrUnavailable,
        "No OCR engine is configured, or a language is missing.",
        "Install Tesseract with the languages. `rungs doctor` names the packages.",
    ),
    (
        ErrorCode::TierCapReached,
        "The page needs a higher tier than the request allows.",
        "Raise `max_tier` to the tier in the error, drop `force_tier` and `fail_fast`, or use mode `auto`, as `message` \
         says.",
    ),
    (
        ErrorCode::CostLimitExceeded,
        "The next attempt would cost more than `max_credits`.",
        "Raise `cost_controls.max_credits`.",
    ),
    (
        ErrorCode::TimeBudgetExpired,
        "The `time_budget` ran out before a tier succeeded.",
        "Raise `cost_controls.time_budget`, or set `prefer_speed`.",
    ),
    (
        ErrorCode::RobotsDisallowed,
        "The site's robots.txt disallows the URL.",
        "Fetch another page. The operator decides whether robots.txt is obeyed.",
    ),
    (
        ErrorCode::PrivateAddressBlocked,
        "The host name resolves to an address that is not public.",
        "Use a public address. The operator can allow private ones with `--allow-private`.",
    ),
    (
        ErrorCode::InternalError,
        "The service or one of its components failed.",
        "Retry later. The operator finds the cause in the log under `request_id`.",
    ),
];

/// Returns the explanation of every code, sorted by code.
pub(crate) fn error_codes() -> Vec<CodeInfo> {
    let of_jobs = JOB_CODES.map(|(code, meaning, remedy)| info(code.as_str(), meaning, remedy));
    let mut all: Vec<CodeInfo> = REQUEST_CODES.into_iter().chain(of_jobs).collect();
    all.sort_by_key(|it| it.code);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_once() {
        let all = error_codes();

        let sorted = all.windows(2).all(|pair| pair[0].code < pair[1].code);
        assert!(sorted, "{all:#?}");
        for code in ErrorCode::ALL {
            assert!(all.iter().any(|it| it.code == code.as_str()), "{code}");
        }
        for info in all {
            for sentence in [info.meaning, info.remedy] {
                assert!(sentence.len() > 20 && sentence.ends_with('.'), "{info:?}");
            }
        }
    }
}
