//! The codes of all diagnostics. Every code has a section in `docs/diagnostics.md`.
//!
//! A code never changes its meaning and is never reused.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($variant:ident = $text:literal,)*) => {
        /// The stable name of a rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as users see it, such as `phoenix::schema::unknown-key`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    SyntaxJson = "phoenix::syntax::json",
    SyntaxEncoding = "phoenix::syntax::encoding",
    SyntaxTooLarge = "phoenix::syntax::too-large",
    SchemaUnknownKey = "phoenix::schema::unknown-key",
    SchemaMissingKey = "phoenix::schema::missing-key",
    SchemaWrongType = "phoenix::schema::wrong-type",
    SchemaInvalidValue = "phoenix::schema::invalid-value",
    SchemaDuplicateKey = "phoenix::schema::duplicate-key",
    SchemaConflict = "phoenix::schema::conflict",
    PropertyUnknown = "phoenix::property::unknown",
    PropertyReadOnly = "phoenix::property::read-only",
    PropertyWrongType = "phoenix::property::wrong-type",
    PropertyInvalidValue = "phoenix::property::invalid-value",
    ReferenceUnknownDataset = "phoenix::reference::unknown-dataset",
    ReferenceNotMounted = "phoenix::reference::not-mounted",
    HistoricBareZfs = "phoenix::historic::bare-zfs",
    HistoricArcMaxText = "phoenix::historic::arc-max-text",
    HistoricZfsSettings = "phoenix::historic::zfs-settings",
    HistoricPoolWithoutDisks = "phoenix::historic::pool-without-disks",
    HistoricDatasetName = "phoenix::historic::dataset-name",
    HistoricPropertiesText = "phoenix::historic::properties-text",
    HistoricStorageFields = "phoenix::historic::storage-fields",
    HistoricStorageClass = "phoenix::historic::storage-class",
    HistoricStorageTypes = "phoenix::historic::storage-types",
    HistoricStorageSkipped = "phoenix::historic::storage-skipped",
    HistoricStorageIds = "phoenix::historic::storage-ids",
    HistoricNfsShares = "phoenix::historic::nfs-shares",
    HistoricClientOption = "phoenix::historic::client-option",
    HistoricSharedVolumes = "phoenix::historic::shared-volumes",
    HistoricSharedVolumeSkipped = "phoenix::historic::shared-volume-skipped",
    HistoricMountPoints = "phoenix::historic::mount-points",
    HistoricMountOwner = "phoenix::historic::mount-owner",
    PoolNone = "phoenix::pool::none",
    PoolInvalidName = "phoenix::pool::invalid-name",
    PoolConfusingName = "phoenix::pool::confusing-name",
    PoolDuplicate = "phoenix::pool::duplicate",
    PoolDiskCount = "phoenix::pool::disk-count",
    PoolMixedRedundancy = "phoenix::pool::mixed-redundancy",
    PoolLogLayout = "phoenix::pool::log-layout",
    DiskPlaceholder = "phoenix::disk::placeholder",
    DiskNotAPath = "phoenix::disk::not-a-path",
    DiskUnstablePath = "phoenix::disk::unstable-path",
    DiskUsedTwice = "phoenix::disk::used-twice",
    DatasetInvalidName = "phoenix::dataset::invalid-name",
    DatasetDuplicate = "phoenix::dataset::duplicate",
    DatasetUnknownPool = "phoenix::dataset::unknown-pool",
    DatasetMissingParent = "phoenix::dataset::missing-parent",
    DatasetBelowVolume = "phoenix::dataset::below-volume",
    DatasetMountpointTaken = "phoenix::dataset::mountpoint-taken",
    DatasetReservationAboveQuota = "phoenix::dataset::reservation-above-quota",
    DatasetSpecialSmallBlocks = "phoenix::dataset::special-small-blocks",
    PermissionsNoDirectory = "phoenix::permissions::no-directory",
    PermissionsNoContainer = "phoenix::permissions::no-container",
    PermissionsContainerName = "phoenix::permissions::container-name",
    PermissionsContainerUnused = "phoenix::permissions::container-unused",
    PermissionsRecursiveNothing = "phoenix::permissions::recursive-nothing",
    PermissionsAclNotEnabled = "phoenix::permissions::acl-not-enabled",
    PermissionsAclWithoutMode = "phoenix::permissions::acl-without-mode",
    PermissionsAclBeyondMask = "phoenix::permissions::acl-beyond-mask",
    StorageInvalidId = "phoenix::storage::invalid-id",
    StorageReservedId = "phoenix::storage::reserved-id",
    StorageDuplicateId = "phoenix::storage::duplicate-id",
    StorageNoDirectory = "phoenix::storage::no-directory",
    StorageInvalidPath = "phoenix::storage::invalid-path",
    StorageImpossibleContent = "phoenix::storage::impossible-content",
    StorageInvalidOption = "phoenix::storage::invalid-option",
    StorageShared = "phoenix::storage::shared",
    StorageRecordsizeUnused = "phoenix::storage::recordsize-unused",
    StorageBackupWithoutRedundancy = "phoenix::storage::backup-without-redundancy",
    ExportDuplicate = "phoenix::export::duplicate",
    ExportInvalidPath = "phoenix::export::invalid-path",
    ExportNoClients = "phoenix::export::no-clients",
    ExportDuplicateClient = "phoenix::export::duplicate-client",
    ExportInvalidClient = "phoenix::export::invalid-client",
    ExportUnknownOption = "phoenix::export::unknown-option",
    ExportInvalidOption = "phoenix::export::invalid-option",
    ExportClientOption = "phoenix::export::client-option",
    ExportContradiction = "phoenix::export::contradiction",
    ExportTooLong = "phoenix::export::too-long",
    ExportDuplicateFsid = "phoenix::export::duplicate-fsid",
    ExportSharenfs = "phoenix::export::sharenfs",
    ExportAsync = "phoenix::export::async",
    ExportAsyncOnSyncAlways = "phoenix::export::async-on-sync-always",
    ExportSyncDisabled = "phoenix::export::sync-disabled",
    ExportNoRootSquash = "phoenix::export::no-root-squash",
    ExportWorld = "phoenix::export::world",
    ExportSubtreeCheck = "phoenix::export::subtree-check",
    MountInvalidContainer = "phoenix::mount::invalid-container",
    MountInvalidTarget = "phoenix::mount::invalid-target",
    MountDuplicateTarget = "phoenix::mount::duplicate-target",
    MountInvalidSource = "phoenix::mount::invalid-source",
    MountSystemDirectory = "phoenix::mount::system-directory",
    MountUnknownOption = "phoenix::mount::unknown-option",
    MountIneffectiveOption = "phoenix::mount::ineffective-option",
    ShareUndeclared = "phoenix::share::undeclared",
    ShareHiddenChildren = "phoenix::share::hidden-children",
    ArcTooSmall = "phoenix::arc::too-small",
    CapacityOvercommitted = "phoenix::capacity::overcommitted",
    PoolDegraded = "phoenix::pool::degraded",
    PoolAshift = "phoenix::pool::ashift",
    PoolRootDefault = "phoenix::pool::root-default",
    DatasetKeyNotLoaded = "phoenix::dataset::key-not-loaded",
    StorageNoProxmox = "phoenix::storage::no-proxmox",
    StorageAllNodes = "phoenix::storage::all-nodes",
    StorageNotHere = "phoenix::storage::not-here",
    StorageUnknownNode = "phoenix::storage::unknown-node",
    ExportNoServer = "phoenix::export::no-server",
    ExportPathMissing = "phoenix::export::path-missing",
    ExportClientMount = "phoenix::export::client-mount",
    ExportLeftOver = "phoenix::export::left-over",
    MountContainerMissing = "phoenix::mount::container-missing",
    MountSourceMissing = "phoenix::mount::source-missing",
    MountRestartNeeded = "phoenix::mount::restart-needed",
    ArcAboveHalfOfMemory = "phoenix::arc::above-half-of-memory",
}

impl Code {
    /// Whether the code speaks of a shape that only old files have.
    pub fn is_historic(self) -> bool {
        self.as_str().starts_with("phoenix::historic::")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
