//! What a host needs to test its own parts: conformance kits, a manual clock, a fixture site.

pub mod site;
