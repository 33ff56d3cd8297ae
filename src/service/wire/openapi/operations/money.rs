//! Ledgers, usage, balances and grants.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: &["batch"],
        responses: &[("200", "Ledger")],
        errors: &["404"],
        ..Operation::get("/api/v1/batch/{id}/ledger", "getLedger", "Get the ledger of a batch")
    },
    Operation {
        responses: &[("200", "Usage")],
        ..Operation::get("/api/v1/usage", "getUsage", "Get this month's usage")
    },
    Operation {
        responses: &[("200", "Balance")],
        ..Operation::get("/api/v1/billing/balance", "getBalance", "Get the balance")
    },
    Operation {
        responses: &[("200", "BillingUsage")],
        ..Operation::get(
            "/api/v1/billing/usage",
            "getBillingUsage",
            "Get the usage by period and site",
        )
    },
    Operation {
        parameters: &["account"],
        responses: &[("200", "Account")],
        errors: &["403", "404", "422"],
        ..Operation::get(
            "/api/v1/accounts/{account}",
            "getAccount",
            "Get the balance and the grants of an account, with a key for administration",
        )
    },
    Operation {
        parameters: &["account", "idempotency"],
        body: Some("GrantRequest"),
        responses: &[("200", "Granted")],
        errors: &["403", "409"],
        ..Operation::post(
            "/api/v1/accounts/{account}/grants",
            "grantCredits",
            "Grant credits to an account, with a key for administration",
        )
    },
    Operation {
        responses: &[("200", "SpendLimits")],
        ..Operation::get(
            "/api/v1/account/limits",
            "getAccountLimits",
            "Get what the account may spend",
        )
    },
    Operation {
        parameters: &["key"],
        responses: &[("200", "SpendLimits")],
        errors: &["404"],
        ..Operation::get(
            "/api/v1/api-keys/{id}/limits",
            "getKeyLimits",
            "Get what an API key of the account may spend",
        )
    },
];
