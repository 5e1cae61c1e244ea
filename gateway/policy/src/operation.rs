//! The operations of NGSI-LD as policies name them (CIM 009 clause 4.20, and clauses 5.9 and 5.10 for
//! registrations, which have no names there).

/// A group of operations that a policy can permit at once: `action in Action::"read"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationGroup {
    /// Reading entities, their history, and which types and attributes there are (clause 5.7).
    Read,
    /// Writing entities and their history (clause 5.6).
    Provide,
    /// Subscriptions (clause 5.8).
    Subscribe,
    /// Registrations of context sources (clauses 5.9 and 5.10).
    Register,
    /// Running the platform.
    Administer,
}

impl OperationGroup {
    /// All groups.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Provide,
        Self::Subscribe,
        Self::Register,
        Self::Administer,
    ];

    /// The group's name in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Provide => "provide",
            Self::Subscribe => "subscribe",
            Self::Register => "register",
            Self::Administer => "administer",
        }
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $group:ident;)*) => {
        /// One NGSI-LD API operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $variant,)*
        }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The operation's name in policies.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The group that it belongs to.
            #[must_use]
            pub const fn group(self) -> OperationGroup {
                match self {
                    $(Self::$variant => OperationGroup::$group,)*
                }
            }
        }
    };
}

operations! {
    /// 5.7.1
    RetrieveEntity = "retrieveEntity" in Read;
    /// 5.7.2
    QueryEntity = "queryEntity" in Read;
    /// 5.7.2, as a batch
    QueryBatch = "queryBatch" in Read;
    /// 5.7.3
    RetrieveTemporal = "retrieveTemporal" in Read;
    /// 5.7.4
    QueryTemporal = "queryTemporal" in Read;
    /// 5.7.5
    RetrieveEntityTypes = "retrieveEntityTypes" in Read;
    /// 5.7.6
    RetrieveEntityTypeDetails = "retrieveEntityTypeDetails" in Read;
    /// 5.7.7
    RetrieveEntityTypeInfo = "retrieveEntityTypeInfo" in Read;
    /// 5.7.8
    RetrieveAttrTypes = "retrieveAttrTypes" in Read;
    /// 5.7.9
    RetrieveAttrTypeDetails = "retrieveAttrTypeDetails" in Read;
    /// 5.7.10
    RetrieveAttrTypeInfo = "retrieveAttrTypeInfo" in Read;
    /// 5.6.1
    CreateEntity = "createEntity" in Provide;
    /// 5.6.2
    UpdateEntity = "updateEntity" in Provide;
    /// 5.6.3
    AppendAttrs = "appendAttrs" in Provide;
    /// 5.6.4
    UpdateAttrs = "updateAttrs" in Provide;
    /// 5.6.5
    DeleteAttrs = "deleteAttrs" in Provide;
    /// 5.6.6
    DeleteEntity = "deleteEntity" in Provide;
    /// 5.6.7
    CreateBatch = "createBatch" in Provide;
    /// 5.6.8
    UpsertBatch = "upsertBatch" in Provide;
    /// 5.6.9
    UpdateBatch = "updateBatch" in Provide;
    /// 5.6.10
    DeleteBatch = "deleteBatch" in Provide;
    /// 5.6.11
    UpsertTemporal = "upsertTemporal" in Provide;
    /// 5.6.12
    AppendAttrsTemporal = "appendAttrsTemporal" in Provide;
    /// 5.6.13
    DeleteAttrsTemporal = "deleteAttrsTemporal" in Provide;
    /// 5.6.14
    UpdateAttrInstanceTemporal = "updateAttrInstanceTemporal" in Provide;
    /// 5.6.15
    DeleteAttrInstanceTemporal = "deleteAttrInstanceTemporal" in Provide;
    /// 5.6.16
    DeleteTemporal = "deleteTemporal" in Provide;
    /// 5.6.17
    MergeEntity = "mergeEntity" in Provide;
    /// 5.6.18
    ReplaceEntity = "replaceEntity" in Provide;
    /// 5.6.19
    ReplaceAttrs = "replaceAttrs" in Provide;
    /// 5.6.20
    MergeBatch = "mergeBatch" in Provide;
    /// 5.6.21
    PurgeEntity = "purgeEntity" in Provide;
    /// 5.8.1
    CreateSubscription = "createSubscription" in Subscribe;
    /// 5.8.2
    UpdateSubscription = "updateSubscription" in Subscribe;
    /// 5.8.3
    RetrieveSubscription = "retrieveSubscription" in Subscribe;
    /// 5.8.4
    QuerySubscription = "querySubscription" in Subscribe;
    /// 5.8.5
    DeleteSubscription = "deleteSubscription" in Subscribe;
    /// 5.9.2
    CreateRegistration = "createRegistration" in Register;
    /// 5.9.3
    UpdateRegistration = "updateRegistration" in Register;
    /// 5.9.4
    DeleteRegistration = "deleteRegistration" in Register;
    /// 5.10.1
    RetrieveRegistration = "retrieveRegistration" in Register;
    /// 5.10.2
    QueryRegistration = "queryRegistration" in Register;
}
