"""Routes by which models, engines and models.conf are looked after: downloads, edits, benchmarks, studies, contexts."""

from paddock.api import bench, types
from paddock.api import contexts as context_types
from paddock.api import editing as wire
from paddock.api import engines as engine_types
from paddock.api import pulls as pull_types
from paddock.api import tunings as tuning_types
from paddock.http import (
    benches,
    contexts,
    editing,
    engines,
    pulls,
    tunings,
)
from paddock.http.front import Route
from paddock.http.management_routes import do, get

UPKEEP = (
    Route(
        "GET",
        "/contexts",
        contexts.contexts,
        "Saved contexts of all profiles, in RAM and on the disk, with size and age",
        gives=context_types.SavedContexts,
        acts=True,  # it looks at the files that profiles name
    ),
    do(
        "/contexts/{context}/delete",
        contexts.delete,
        None,
        context_types.SavedContexts,
        "Delete a saved context",
    ),
    Route(
        "GET",
        "/engines",
        engines.engines,
        "The engines, how the trial of each went, and which is the default",
        gives=engine_types.EngineList,
        acts=True,  # a new build is started, to print its version
    ),
    do(
        "/engines/promote",
        engines.promote,
        engine_types.PromoteRequest,
        engine_types.EngineList,
        "Make an engine the default, if its newest trial has passed",
    ),
    do(
        "/engines/rollback",
        engines.roll_back,
        None,
        engine_types.EngineList,
        "Make the former default the default again",
    ),
    Route(
        "GET",
        "/bench",
        benches.runs,
        "Benchmarks that are kept, the newest first",
        gives=bench.BenchRuns,
        query=("limit",),
    ),
    get("/bench/{run}", benches.run, bench.BenchRun, "One benchmark in full"),
    get(
        "/bench/{run}/against/{before}",
        benches.against,
        bench.BenchComparison,
        "What changed in a benchmark since another, beyond the spread",
    ),
    do(
        "/bench",
        benches.keep,
        bench.BenchRun,
        bench.KeptRun,
        "Keep a benchmark; with the number of one that is kept, in its place",
    ),
    do(
        "/bench/news",
        benches.news,
        bench.BenchNow,
        types.ModelResult,
        "Publish how a benchmark stands",
    ),
    Route(
        "POST",
        "/tune",
        tunings.begin,
        "Begin to try a profile with other flags, for as long as the reply is read; then what ran comes back",
        takes=tuning_types.StudyRequest,
        gives=tuning_types.StudyBegun,
        media="text/event-stream",
    ),
    do(
        "/tune/trial",
        tunings.trial,
        tuning_types.TrialRequest,
        tuning_types.TrialProfile,
        "The flags of a study's next trial, which `/switch` loads; they are written to no file",
    ),
    do(
        "/tune/news",
        tunings.news,
        tuning_types.StudyNews,
        types.ModelResult,
        "Publish how a study stands",
    ),
    Route(
        "GET",
        "/tunings",
        tunings.listed,
        "Studies that are kept, the newest first, of all profiles or of `model`; and the one that runs",
        gives=tuning_types.TuningList,
        query=("model", "limit"),
    ),
    get("/tunings/{tuning}", tunings.one, tuning_types.Tuning, "One study in full"),
    do(
        "/tunings",
        tunings.keep,
        tuning_types.Tuning,
        bench.KeptRun,
        "Keep a study; with the number of one that is kept, in its place",
    ),
    Route(
        "GET",
        "/config",
        editing.text,
        "models.conf as text, its fingerprint (also as `ETag`), whether it can be written, and which earlier texts are kept",
        gives=wire.ConfigText,
        acts=True,
    ),
    do(
        "/config/check",
        editing.check,
        wire.ConfigDraft,
        wire.ConfigCheck,
        "What is wrong with a draft of models.conf, or with an earlier text; writes nothing",
    ),
    do(
        "/config/preview",
        editing.preview,
        wire.ConfigDraft,
        wire.ConfigPreview,
        "What a draft would change: the difference, profiles, plans as known now, instances that become stale",
    ),
    Route(
        "PUT",
        "/config",
        editing.write,
        "Write models.conf; refused where it has errors, or is not the text of `based_on` any more",
        takes=wire.ConfigWrite,
        gives=wire.ConfigWritten,
    ),
    do(
        "/config/undo",
        editing.undo,
        wire.ConfigUndo,
        wire.ConfigWritten,
        "Put an earlier text of models.conf back, byte for byte; refused as writing is",
    ),
    do(
        "/pulls",
        pulls.begin,
        pull_types.PullRequest,
        pull_types.PullInfo,
        "Fetch a model from a hub and write its profile; how it goes is in its `Location` and in events",
        202,
    ),
    do(
        "/pulls/plan",
        pulls.plan,
        pull_types.PullRequest,
        pull_types.PullForecast,
        "What a model from a hub would be on this machine; some MB are read, no weights",
    ),
    get("/pulls", pulls.listed, pull_types.PullList, "Downloads since the daemon began"),
    get("/pulls/{pull}", pulls.one, pull_types.PullInfo, "How a download goes or went"),
    *(
        do(f"/pulls/{{pull}}/{verb}", handler, None, pull_types.PullInfo, what)
        for verb, handler, what in (
            ("pause", pulls.pause, "End a download for now; what has come stays"),
            ("resume", pulls.resume, "Go on with a paused download"),
            ("cancel", pulls.cancel, "End a download; what has come stays for another one"),
        )
    ),
)
