//! The calls that a test store passes on to another one.

/// Implements methods of `Store` by calling them on a field: `delegate!(inner: load, list);`.
///
/// `apply` cannot be passed on. Its default makes the test store's own loads and commits, which are those that tests
/// count and change.
macro_rules! delegate {
    ($inner:tt: $($method:ident),+) => {
        $($crate::support::delegate::delegate!(@$method $inner);)+
    };
    (@load $inner:tt) => {
        $crate::support::delegate::delegate!(@call load $inner
            (keys: Vec<::rungs::core::record::Key>) -> Vec<Option<::rungs::ports::store::Versioned>>);
    };
    (@list $inner:tt) => {
        $crate::support::delegate::delegate!(@call list $inner
            (list: ::rungs::ports::store::ListQuery) -> Vec<::rungs::ports::store::Versioned>);
    };
    (@claim $inner:tt) => {
        $crate::support::delegate::delegate!(@call claim $inner
            (claim: ::rungs::core::record::Claim) -> Vec<::rungs::ports::store::Versioned>);
    };
    (@commit $inner:tt) => {
        $crate::support::delegate::delegate!(@call commit $inner
            (writes: Vec<::rungs::ports::store::Write>) -> ());
    };
    (@now $inner:tt) => {
        $crate::support::delegate::delegate!(@call now $inner
            () -> Option<::rungs::core::time::Timestamp>);
    };
    (@due $inner:tt) => {
        $crate::support::delegate::delegate!(@call due $inner
            (queue: ::rungs::core::record::Queue, from: ::rungs::core::time::Timestamp)
            -> Option<::rungs::core::time::Timestamp>);
    };
    (@call $method:ident $inner:tt ($($name:ident: $type:ty),*) -> $found:ty) => {
        fn $method(
            &self,
            $($name: $type),*
        ) -> ::rungs::ports::BoxFuture<'_, Result<$found, ::rungs::ports::store::StoreError>> {
            ::rungs::ports::store::Store::$method(&self.$inner, $($name),*)
        }
    };
    (@changed $inner:tt) => {
        fn changed(&self, queue: ::rungs::core::record::Queue) -> ::rungs::ports::BoxFuture<'_, ()> {
            ::rungs::ports::store::Store::changed(&self.$inner, queue)
        }
    };
    (@is_shared $inner:tt) => {
        fn is_shared(&self) -> bool {
            ::rungs::ports::store::Store::is_shared(&self.$inner)
        }
    };
    (@bodies $inner:tt) => {
        fn bodies(&self) -> Option<::std::sync::Arc<dyn ::rungs::ports::store::Bodies>> {
            ::rungs::ports::store::Store::bodies(&self.$inner)
        }
    };
}

pub(crate) use delegate;
