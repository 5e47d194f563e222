//! Why phoenix refuses to touch an object, as codes that a program can branch on.
//!
//! Every code has a section in `docs/refusals-and-failures.md`.

phoenix_config::codes! {
    /// Why an object is refused.
    RefusalCode {
        NeedsRefused = "phoenix::refused::needs-refused",
        PoolNotDescribed = "phoenix::refused::pool-not-described",
        PoolSuspended = "phoenix::refused::pool-suspended",
        PoolUnusable = "phoenix::refused::pool-unusable",
        PoolNotImportable = "phoenix::refused::pool-not-importable",
        PoolImportDegraded = "phoenix::refused::pool-import-degraded",
        PoolOtherDisks = "phoenix::refused::pool-other-disks",
        PoolCannotBeMade = "phoenix::refused::pool-cannot-be-made",
        PoolPropertyFixed = "phoenix::refused::pool-property-fixed",
        DiskMissing = "phoenix::refused::disk-missing",
        DiskNamedTwice = "phoenix::refused::disk-named-twice",
        DiskNameAmbiguous = "phoenix::refused::disk-name-ambiguous",
        DiskNotWhole = "phoenix::refused::disk-not-whole",
        DiskInUse = "phoenix::refused::disk-in-use",
        DiskHoldsPool = "phoenix::refused::disk-holds-pool",
        DiskNotEmpty = "phoenix::refused::disk-not-empty",
        DiskUnfit = "phoenix::refused::disk-unfit",
        DiskTooSmall = "phoenix::refused::disk-too-small",
        DiskSizesDiffer = "phoenix::refused::disk-sizes-differ",
        DatasetOtherKind = "phoenix::refused::dataset-other-kind",
        DatasetPropertyFixed = "phoenix::refused::dataset-property-fixed",
        VolumeSizeUnknown = "phoenix::refused::volume-size-unknown",
        VolumeWouldShrink = "phoenix::refused::volume-would-shrink",
        DatasetNotMounted = "phoenix::refused::dataset-not-mounted",
        MountpointUndeclared = "phoenix::refused::mountpoint-undeclared",
        MountpointOccupied = "phoenix::refused::mountpoint-occupied",
        MountpointTaken = "phoenix::refused::mountpoint-taken",
        PrincipalUnknown = "phoenix::refused::principal-unknown",
        IdsNotMapped = "phoenix::refused::ids-not-mapped",
        ToolMissing = "phoenix::refused::tool-missing",
        StoragesUnreadable = "phoenix::refused::storages-unreadable",
        StorageOther = "phoenix::refused::storage-other",
        ExportOtherOwner = "phoenix::refused::export-other-owner",
        NotADirectory = "phoenix::refused::not-a-directory",
        SymbolicLink = "phoenix::refused::symbolic-link",
        ContainerFull = "phoenix::refused::container-full",
        ContainerMountTaken = "phoenix::refused::container-mount-taken",
        ContainerMountUnusable = "phoenix::refused::container-mount-unusable",
        FileOfOthers = "phoenix::refused::file-of-others",
        ArcAboveMemory = "phoenix::refused::arc-above-memory",
    }
}
