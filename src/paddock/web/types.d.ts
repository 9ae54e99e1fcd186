// Made by tools/web_types.py of the OpenAPI document; not to be changed by hand.

export type Event = Snapshot | InstanceChanged | InstanceEnded | SwitchProgress | SwitchEnded | QueueChanged | SpeedMeasured | VerdictReached | Activity | ConfigChanged | YieldChanged | PullChanged | TuningChanged | BenchChanged;

export interface Activity {
    type: "activity";
    seq?: number;
    time?: string;
    requests: (RequestInfo)[];
    devices: (DeviceInfo)[];
    totals: Totals;
    pressure?: number | null;
    current?: string | null;
    instances?: (InstanceNow)[];
    profiles?: Record<string, ProfileNow>;
    faults?: (FaultInfo)[];
}

export interface Advice {
    code: string;
    severity: "error" | "info" | "warning";
    message: string;
    hint?: string;
    profile?: string;
    line?: number;
}

export interface Alternation {
    one: string;
    other: string;
    times: number;
    waited?: number;
    loading?: number;
    read_again?: number;
    read_again_seconds?: number;
    fits?: boolean | null;
    why?: string;
    remedies?: (Remedy)[];
}

export interface AnthropicError {
    type: "error";
    error: AnthropicReason;
}

export interface AnthropicReason {
    message: string;
    hint?: string;
    log?: (string)[];
    retry_after?: number;
    type: string;
    code: string;
}

export interface BenchChanged {
    type: "bench";
    seq?: number;
    time?: string;
    bench: BenchNow;
}

export interface BenchCircumstances {
    engine?: string;
    engine_version?: string;
    devices?: string;
    args?: (string)[];
    beside?: (string)[];
}

export interface BenchComparison {
    before: number;
    after: number;
    profiles: (ComparedProfile)[];
    missing: (string)[];
}

export interface BenchLoad {
    seconds: number;
    cached?: number | null;
    wanted_cold?: boolean;
}

export interface BenchMemory {
    device: string;
    planned?: number | null;
    placed?: number | null;
    used?: number | null;
    foreign?: number | null;
}

export interface BenchNow {
    profile: string;
    outcome?: "done" | "interrupted" | "running";
    step?: string;
    number?: number;
    of?: number;
    eta?: number | null;
    best?: string;
    speed?: number | null;
}

export interface BenchRun {
    id?: number;
    begun_at: string;
    outcome: "done" | "interrupted" | "running";
    seconds?: number;
    busy_seconds?: number;
    waited_seconds?: number;
    version?: string;
    repeat?: number;
    answer?: number;
    profiles?: (BenchedProfile)[];
}

export interface BenchRuns {
    runs: (RunSummary)[];
}

export interface BenchedProfile {
    profile: string;
    outcome: "done" | "failed" | "interrupted";
    failure?: Failure | null;
    context?: number | null;
    slots?: number | null;
    loads?: (BenchLoad)[];
    first?: FirstRequest | null;
    depths?: (DepthFigures)[];
    streams?: (StreamFigures)[];
    memory?: (BenchMemory)[];
    layers?: number | null;
    layers_offloaded?: number | null;
    layers_overflowing?: number | null;
    experts_in_ram?: number | null;
    graph_splits?: number | null;
    graph_splits_tg?: number | null;
    circumstances?: BenchCircumstances;
    evaluation?: Evaluation | null;
    notes?: (string)[];
}

export interface Buffer {
    device: string;
    kind: "compute" | "context" | "model" | "output";
    mib: number;
}

export interface Catalog {
    models: (ModelCard)[];
}

export interface ChatMessage {
    role: string;
    content?: string | null;
    thinking?: string | null;
    images?: (unknown)[] | null;
    tool_calls?: (Record<string, unknown>)[] | null;
    tool_name?: string | null;
    tool_call_id?: string | null;
}

export interface ChatRequest {
    model?: string | null;
    stream?: boolean | null;
    format?: unknown;
    options?: Record<string, unknown> | null;
    keep_alive?: number | string | null;
    think?: boolean | string | null;
    logprobs?: boolean | null;
    top_logprobs?: number | null;
    messages?: (ChatMessage)[] | null;
    tools?: (Record<string, unknown>)[] | null;
}

export interface Checkup {
    advice: (Advice)[];
}

export interface ComparedFigure {
    figure: string;
    unit: string;
    before: Spread;
    after: Spread;
    judgement: "better" | "same" | "unproven" | "worse";
}

export interface ComparedProfile {
    profile: string;
    figures: (ComparedFigure)[];
    together: (string)[];
}

export interface ConfigChanged {
    type: "config";
    seq?: number;
    time?: string;
    config: ConfigInfo;
    changed?: (string)[];
    added?: (string)[];
    removed?: (string)[];
}

export interface ConfigChanges {
    added?: (string)[];
    removed?: (string)[];
    changed?: (string)[];
    restarts?: (string)[];
    stale?: (string)[];
}

export interface ConfigCheck {
    ok: boolean;
    problems?: (ConfigProblem)[];
    cut?: boolean;
    profiles?: number;
    variants?: number;
}

export interface ConfigDraft {
    text?: string | null;
    earlier?: string | null;
}

export interface ConfigInfo {
    path: string;
    loaded_at: string;
    error?: Failure | null;
    warnings?: (string)[];
}

export interface ConfigPreview {
    check: ConfigCheck;
    fingerprint: string;
    difference?: (string)[];
    changes?: ConfigChanges;
    plans?: (PlanChange)[];
    plans_left_out?: number;
}

export interface ConfigProblem {
    severity: "error" | "warning";
    message: string;
    hint?: string;
    file?: string;
    line?: number;
    section?: string;
    key?: string;
    code?: string;
}

export interface ConfigText {
    path: string;
    text: string;
    fingerprint: string;
    editing: "full" | "limited" | "off";
    read_only?: string;
    earlier?: (EarlierText)[];
}

export interface ConfigUndo {
    based_on: string;
    earlier?: string | null;
}

export interface ConfigWrite {
    text: string;
    based_on: string;
}

export interface ConfigWritten {
    fingerprint: string;
    changes?: ConfigChanges;
    failure?: Failure | null;
}

export interface Contribution {
    name: string;
    before: string;
    after: string;
    gain?: number | null;
}

export interface Copied {
    source?: string;
    destination?: string;
}

export interface DepthFigures {
    depth: number;
    first_token?: Spread | null;
    prompt?: Spread | null;
    generation?: Spread | null;
    prompt_watts?: number | null;
    generation_watts?: number | null;
    prompt_tokens_per_joule?: number | null;
    generation_tokens_per_joule?: number | null;
    drafted?: number | null;
    beside_traffic?: number;
}

export interface Details {
    parent_model?: string;
    format?: string;
    family: string;
    families: (string)[];
    parameter_size: string;
    quantization_level: string;
    context_length?: number | null;
}

export interface DeviceInfo {
    name: string;
    kind: "gpu" | "host";
    id?: string;
    description?: string;
    also?: (string)[];
    in_ram?: boolean;
    total_mib?: number | null;
    free_mib?: number | null;
    booked_mib?: Record<string, number>;
    used_mib?: Record<string, number>;
    foreign_mib?: number | null;
    foreign?: (ForeignUse)[];
    drives_display?: boolean | null;
    utilization?: number | null;
    load?: number | null;
    temperature_c?: number | null;
    power_w?: number | null;
    power_limit_w?: number | null;
    clock_mhz?: number | null;
    throttled?: (string)[];
    swap_total_mib?: number | null;
    swap_used_mib?: number | null;
}

export interface DevicePast {
    name: string;
    kind: string;
    description?: string;
    total_mib?: number | null;
    free_mib?: (number | null)[];
    margin_mib?: (number | null)[];
    models_mib?: Record<string, (number | null)[]>;
    foreign_mib?: Record<string, (number | null)[]>;
    utilization?: (number | null)[];
    temperature_c?: (number | null)[];
    power_w?: (number | null)[];
}

export interface DevicePlan {
    device: string;
    id?: string;
    description?: string;
    model?: number;
    context?: number;
    compute?: number;
    overhead?: number;
    margin?: number;
    available?: number | null;
    size?: number | null;
    layers?: number | null;
    overflowing?: number;
    in_ram?: boolean;
    set_aside?: number | null;
}

export interface DevicesPast {
    every: number;
    at: (number)[];
    devices: (DevicePast)[];
}

export interface EarlierText {
    fingerprint: string;
    replaced_at: string;
    size: number;
}

export interface EmbedRequest {
    model?: string | null;
    input?: string | (string)[];
    truncate?: boolean | null;
    dimensions?: number | null;
    options?: Record<string, unknown> | null;
    keep_alive?: number | string | null;
}

export interface EmbeddingsRequest {
    model?: string | null;
    prompt?: string;
    options?: Record<string, unknown> | null;
    keep_alive?: number | string | null;
}

export interface EngineInfo {
    name: string;
    default?: boolean;
    version?: string;
    build?: number | null;
    kind?: string;
    error?: string;
    patches?: (string)[];
    note?: string;
    url?: string;
    tried?: TrialInfo | null;
    profiles?: (string)[];
}

export interface EngineList {
    engines: (EngineInfo)[];
    can_roll_back?: boolean;
    former?: string | null;
}

export interface ErrorBody {
    error: Failure;
}

export interface Evaluation {
    command: string;
    exit_code: number;
    seconds: number;
    score?: number | null;
}

export interface Failure {
    code: string;
    message: string;
    hint?: string;
    exit_code?: number | null;
    log?: (string)[];
}

export interface FaultInfo {
    part: string;
    message: string;
    first: string;
    last: string;
    count?: number;
}

export interface FirstRequest {
    depth: number;
    first_token: number;
    prompt?: number | null;
    generation?: number | null;
}

export interface FlagInfo {
    flag: string;
    values?: (string)[];
    origin?: string;
    overridden?: (string)[];
}

export interface ForeignUse {
    pid: number;
    name: string;
    mib?: number | null;
}

export interface GenerateRequest {
    model?: string | null;
    stream?: boolean | null;
    format?: unknown;
    options?: Record<string, unknown> | null;
    keep_alive?: number | string | null;
    think?: boolean | string | null;
    logprobs?: boolean | null;
    top_logprobs?: number | null;
    prompt?: string | null;
    suffix?: string | null;
    system?: string | null;
    template?: string | null;
    context?: (number)[] | null;
    raw?: boolean | null;
    images?: (unknown)[] | null;
}

export interface History {
    profile: string;
    loads: (LoadEntry)[];
    context?: Spared | null;
    load_modes?: (LoadMode)[];
}

export interface InstanceChanged {
    type: "instance";
    seq?: number;
    time?: string;
    now?: ProfileNow | null;
    current?: string | null;
    instance: InstanceInfo;
    state: "busy" | "draining" | "failed" | "loading" | "queued" | "ready" | "stopping" | "unloaded";
}

export interface InstanceEnded {
    type: "instance-ended";
    seq?: number;
    time?: string;
    now?: ProfileNow | null;
    current?: string | null;
    instance: string;
    profile: string;
    failure?: Failure | null;
}

export interface InstanceInfo {
    id: string;
    profile: string;
    variants?: (string)[];
    phase: "busy" | "draining" | "failed" | "fitting" | "loading" | "ready" | "starting" | "stopping" | "warming";
    since: string;
    engine?: string;
    engine_version?: string;
    pid?: number | null;
    leases?: number;
    exited?: boolean;
    stale?: boolean;
    adopted?: boolean;
    restored_tokens?: number;
    context?: KeptContext | null;
    progress?: Progress | null;
    load_seconds?: number | null;
    placement?: Placement | null;
    plan?: Plan | null;
    verdict?: Verdict | null;
    speed?: Speed | null;
    demand_mib?: Record<string, number>;
    failure?: Failure | null;
}

export interface InstanceNow {
    id: string;
    phase: "busy" | "draining" | "failed" | "fitting" | "loading" | "ready" | "starting" | "stopping" | "warming";
    leases?: number;
}

export interface KeptContext {
    place?: "" | "disk" | "ram";
    kept_tokens?: number;
    kept_mib?: number;
    reused_tokens?: number;
    saved_seconds?: number;
    note?: string;
}

export interface KeptRun {
    id: number;
}

export interface Leaver {
    profile: string;
    busy?: boolean;
    idle?: number | null;
}

export interface LlamaError {
    error: LlamaReason;
}

export interface LlamaReason {
    message: string;
    hint?: string;
    log?: (string)[];
    retry_after?: number;
    code: number;
    type: string;
    reason?: string;
}

export interface LoadEntry {
    id?: number;
    instance: string;
    profile: string;
    fingerprint: string;
    engine?: string;
    engine_version?: string;
    devices?: string;
    ended_at?: string;
    seconds?: number;
    outcome?: string;
    cause?: string;
    placement?: Placement | null;
    verdict?: Verdict | null;
    generation?: number | null;
    prompt?: number | null;
    samples?: number;
}

export interface LoadMode {
    mode: string;
    page_cache: "cold" | "warm";
    why: string;
}

export interface LoadRequest {
    model: string;
}

export interface LoadedWeights {
    mib?: number;
    cached?: number | null;
    ahead_mib?: number;
    ahead_seconds?: number;
    file_system?: string;
}

export interface Model {
    id: string;
    object?: string;
    type?: string;
    created: number;
    created_at: string;
    owned_by?: string;
    display_name: string;
    aliases: (string)[];
    tags?: (string)[];
    status: ModelStatus;
    architecture: Record<string, (string)[]>;
    capabilities: (string)[];
    context_length: number | null;
    max_model_len: number | null;
    source?: string;
    can_remove?: boolean;
    meta: Record<string, unknown>;
    paddock: ProfileInfo;
}

export interface ModelCard {
    id: string;
    title?: string;
    description?: string;
    aliases?: (string)[];
    hidden?: boolean;
    variant_of?: string;
    loaded?: boolean;
    context?: number | null;
    context_trained?: number | null;
    max_output?: number | null;
    abilities?: (string)[];
    samplers?: Record<string, number>;
    client_samplers?: (string)[] | null;
    architecture?: string;
    parameters?: number;
    quantisation?: string;
    size_bytes?: number;
    modified?: string;
}

export interface ModelRequest {
    model?: string | null;
    now?: boolean;
    wait?: boolean;
}

export interface ModelResult {
    success: boolean;
    models: (string)[];
    pending?: (string)[];
}

export interface ModelStatus {
    value: string;
    args: (string)[];
    preset: string;
    failed?: boolean;
    exit_code?: number | null;
}

export interface Models {
    object?: string;
    data: (Model)[];
    has_more?: boolean;
    first_id?: string | null;
    last_id?: string | null;
}

export interface Named {
    model?: string | null;
    name?: string | null;
    stream?: boolean | null;
}

export interface Need {
    device: string;
    mib: number;
    of?: number | null;
}

export interface NodeInfo {
    name: string;
    state: "asleep" | "left-out" | "lost" | "silent" | "starting" | "up";
    reason?: string;
    url?: string;
    version?: string;
    python?: string;
    labels?: Record<string, string>;
    mac?: string;
}

export interface OllamaError {
    error: string;
    code: string;
    hint?: string;
    log?: (string)[];
    retry_after?: number;
}

export interface OpenAIError {
    error: OpenAIReason;
}

export interface OpenAIReason {
    message: string;
    hint?: string;
    log?: (string)[];
    retry_after?: number;
    type: string;
    code: string | number | null;
    param?: string | null;
}

export interface Pair {
    one: string;
    other: string;
    fits: boolean;
    why?: string;
}

export interface Pairs {
    pairs: (Pair)[];
    total: number;
    offset?: number;
}

export interface Placement {
    buffers?: (Buffer)[];
    layers?: number | null;
    layers_offloaded?: number | null;
    layers_overflowing?: number | null;
    graph_splits?: number | null;
    graph_splits_tg?: number | null;
    n_ctx?: number | null;
    free?: Record<string, number>;
    replayed?: boolean;
    load_mode?: string;
    load_mode_why?: string;
    weights?: LoadedWeights | null;
    warnings?: (string)[];
}

export interface Plan {
    profile: string;
    fingerprint?: string;
    source: "engine" | "estimate";
    fits: boolean;
    engine?: string;
    engine_version?: string;
    made_at?: string;
    seconds?: number;
    devices?: (DevicePlan)[];
    n_ctx?: number | null;
    n_ctx_wanted?: number | null;
    layers?: number | null;
    layers_on_devices?: number | null;
    experts_in_ram?: number;
    refused_mib?: number;
    refused?: string;
    graph_splits?: number | null;
    steps?: (string)[];
    notes?: (string)[];
    warnings?: (string)[];
    refusal?: string;
    replay?: (string)[];
    replay_weights?: Record<string, number>;
    gpus?: (string)[];
}

export interface PlanChange {
    profile: string;
    before?: Plan | null;
    after?: Plan | null;
}

export interface Plans {
    plans: (Plan)[];
    total: number;
    offset?: number;
}

export interface Preview {
    profile: string;
    state: string;
    leavers?: (Leaver)[];
    needs?: (Need)[];
    refused?: string;
    unloadable?: string;
    seconds?: number | null;
    size_mib?: number | null;
    cached_mib?: number | null;
    network_mib?: number | null;
    eta?: number | null;
    verdict?: "degraded" | "unknown" | "verified" | null;
    summary?: string;
}

export interface Processes {
    models: (RunningModel)[];
}

export interface ProfileDetail {
    profile: ProfileInfo;
    flags?: (FlagInfo)[];
    facts?: Record<string, string>;
    facts_problem?: string;
    comments?: (string)[];
    contradictions?: (string)[];
}

export interface ProfileInfo {
    id: string;
    line?: number | null;
    title?: string;
    description?: string;
    aliases?: (string)[];
    bench?: boolean;
    hidden?: boolean;
    settings?: Record<string, unknown>;
    state: "busy" | "draining" | "failed" | "loading" | "queued" | "ready" | "stopping" | "unloaded";
    variants?: (string)[];
    variant_of?: string;
    pin?: boolean;
    priority?: number;
    ttl?: number;
    replicas?: number;
    rpc_nodes?: (string)[];
    keeps_context?: boolean;
    engine?: string;
    ctx_size?: number | null;
    size_mib?: number | null;
    speed_text?: string;
    expected_speed?: number | null;
    speed?: Speed | null;
    verdict?: Verdict | null;
    instance?: string | null;
    switching?: boolean;
    stale?: boolean;
    waiting?: number;
    yielded?: boolean;
    last_used?: string | null;
    last_load_seconds?: number | null;
    failure?: Failure | null;
    args?: (string)[];
}

export interface ProfileNow {
    state: "busy" | "draining" | "failed" | "loading" | "queued" | "ready" | "stopping" | "unloaded";
    switching?: boolean;
    instance?: string | null;
    stale?: boolean;
    speed?: Speed | null;
    verdict?: Verdict | null;
    last_used?: string | null;
    last_load_seconds?: number | null;
    failed?: boolean;
}

export interface ProfileStats {
    profile: string;
    switches: number;
    failed?: number;
    seconds?: number;
    waits?: number;
    waited?: number;
    longest_wait?: number;
    read_again?: number;
    read_again_seconds?: number;
}

export interface Progress {
    stage: "cancelled" | "downloading" | "draining" | "failed" | "fitting" | "loading" | "memory" | "queued" | "ready" | "restoring" | "saving" | "starting" | "stopping" | "warming";
    part?: string;
    fraction?: number | null;
    elapsed?: number;
    eta?: number | null;
    mib_done?: number | null;
    mib_total?: number | null;
}

export interface PromoteRequest {
    engine: string;
    force?: boolean;
}

export interface PullChanged {
    type: "pull";
    seq?: number;
    time?: string;
    pull: PullInfo;
}

export interface PullFailure {
    code: string;
    message: string;
    hint?: string;
}

export interface PullFile {
    path: string;
    size: number;
    done?: number;
    stage?: "checking" | "done" | "fetching" | "waiting";
}

export interface PullForecast {
    repository: string;
    commit: string;
    about: string;
    chosen: string;
    quantisations: (PullQuantisation)[];
    bytes_left: number;
    disk_free: number;
    into: string;
    drafts: (string)[];
    pushes_out?: (string)[] | null;
    expected_speed?: number | null;
}

export interface PullInfo {
    id: string;
    model: string;
    state: "cancelled" | "done" | "failed" | "paused" | "running";
    quantisation?: string;
    files?: (PullFile)[];
    rate?: number | null;
    eta?: number | null;
    note?: string;
    profile?: string;
    failure?: PullFailure | null;
}

export interface PullList {
    pulls: (PullInfo)[];
}

export interface PullQuantisation {
    quantisation: string;
    files: (string)[];
    bytes: number;
    fit: "gpu" | "no" | "part" | "ram";
    context: number;
    header_read: boolean;
    mib: Record<string, number>;
}

export interface PullRequest {
    model: string;
    name?: string;
    rate?: string;
}

export interface QueueChanged {
    type: "queue";
    seq?: number;
    time?: string;
    now?: ProfileNow | null;
    current?: string | null;
    profile: string;
    waiting: number;
}

export interface Reason {
    code: string;
    message: string;
    hint?: string;
}

export interface Remedy {
    message: string;
    settings?: Record<string, string>;
    source?: "engine" | "estimate";
}

export interface RequestInfo {
    id: number;
    profile: string;
    instance?: string | null;
    surface?: string;
    client?: string;
    phase?: "generating" | "prompt" | "queued";
    since?: string;
    age?: number;
    prompt_tokens?: number | null;
    prompt_fraction?: number | null;
    generated_tokens?: number | null;
    speed?: number | null;
    samplers?: Record<string, number>;
    overruled?: (string)[];
}

export interface RpcError {
    jsonrpc: string;
    id: string | number | null;
    error: RpcReason;
}

export interface RpcReason {
    code: number;
    message: string;
    data?: Record<string, unknown>;
}

export interface RunSummary {
    id: number;
    begun_at: string;
    outcome: "done" | "interrupted" | "running";
    seconds?: number;
    profiles?: (string)[];
}

export interface RunningModel {
    name: string;
    model: string;
    size: number;
    digest: string;
    details: Details;
    expires_at: string;
    size_vram: number;
    context_length?: number | null;
}

export interface SavedContext {
    id: string;
    place: "disk" | "ram";
    files: number;
    mib: number;
    saved_at: string;
    profile?: string;
    instance?: string;
    by_hand?: number;
}

export interface SavedContexts {
    contexts: (SavedContext)[];
    limit_mib: number;
}

export interface Shown {
    modelfile: string;
    parameters: string;
    template: string;
    details: Details;
    model_info: Record<string, unknown>;
    capabilities: (string)[];
    modified_at: string;
}

export interface ShutdownRequest {
    keep?: boolean;
}

export interface Snapshot {
    type: "snapshot";
    seq?: number;
    time?: string;
    status: Status;
    profiles: (ProfileInfo)[];
    variants?: (VariantInfo)[];
}

export interface Spared {
    tokens?: number;
    seconds?: number;
    times?: number;
}

export interface Speed {
    prompt?: number | null;
    generation?: number | null;
}

export interface SpeedMeasured {
    type: "speed";
    seq?: number;
    time?: string;
    profile: string;
    instance: string;
    speed: Speed;
    prompt_tokens?: number;
    generated_tokens?: number;
}

export interface Spread {
    median: number;
    low: number;
    high: number;
    samples: (number)[];
}

export interface Stats {
    since: string;
    total: ProfileStats;
    profiles?: (ProfileStats)[];
    alternations?: (Alternation)[];
}

export interface Status {
    version: string;
    pid: number;
    started_at: string;
    current: string | null;
    instances: (InstanceInfo)[];
    queue: Record<string, number>;
    devices: (DeviceInfo)[];
    config: ConfigInfo;
    engine?: string;
    engine_version?: string;
    state_dir?: string;
    listen?: (string)[];
    requests?: (RequestInfo)[];
    totals?: Totals | null;
    yielded?: YieldInfo | null;
    faults?: (FaultInfo)[];
    pulls?: (PullInfo)[];
    nodes?: (NodeInfo)[];
}

export interface StreamFigures {
    streams: number;
    depth: number;
    first_token?: Spread | null;
    generation?: Spread | null;
    beside_traffic?: number;
}

export interface StudyBegun {
    study: string;
    trial: string;
    stops?: (string)[];
}

export interface StudyNews {
    study: string;
    now: TuningNow;
}

export interface StudyRequest {
    profile: string;
    goal: "agent" | "chat" | "context" | "throughput";
}

export interface Success {
    success?: boolean;
}

export interface SwitchEnded {
    type: "switch-ended";
    seq?: number;
    time?: string;
    now?: ProfileNow | null;
    current?: string | null;
    profile: string;
    outcome: "cancelled" | "failed" | "ready";
    seconds: number;
    instance?: string | null;
    restored?: (string)[];
    failure?: Failure | null;
    phases?: (SwitchPhase)[];
}

export interface SwitchEntry {
    id?: number;
    profile: string;
    instance: string;
    ended_at: string;
    seconds: number;
    outcome: "cancelled" | "failed" | "ready";
    phases?: (SwitchPhase)[];
    left?: (string)[];
    waits?: (number)[];
    prompt_tokens?: number | null;
    read_again?: number | null;
    read_again_seconds?: number | null;
}

export interface SwitchHistory {
    switches: (SwitchEntry)[];
}

export interface SwitchPhase {
    name: "downloading" | "draining" | "first-token" | "fitting" | "loading" | "memory" | "queued" | "restoring" | "saving" | "starting" | "stopping" | "tenure" | "warming";
    seconds: number;
    part?: string;
}

export interface SwitchProgress {
    type: "progress";
    seq?: number;
    time?: string;
    now?: ProfileNow | null;
    current?: string | null;
    profile: string;
    instance?: string | null;
    progress: Progress;
}

export interface SwitchRequest {
    model: string;
    wait?: boolean;
    force?: boolean;
}

export interface SwitchResult {
    job: string;
    model: string;
    outcome: "cancelled" | "failed" | "ready" | "running";
    seconds?: number | null;
    instance?: string | null;
    restored?: (string)[];
    failure?: Failure | null;
}

export interface Tag {
    name: string;
    model: string;
    modified_at: string;
    size: number;
    digest: string;
    details: Details;
    capabilities: (string)[];
}

export interface Tags {
    models: (Tag)[];
}

export interface Totals {
    requests?: number;
    failed?: number;
    prompt_tokens?: number;
    generated_tokens?: number;
}

export interface TrialInfo {
    tried_at: string;
    passed: boolean;
    cases: number;
    against?: string;
    failures?: (string)[];
}

export interface TrialProfile {
    profile: ProfileInfo;
}

export interface TrialRequest {
    study: string;
    changes?: Record<string, string | null>;
}

export interface Tuning {
    id?: number;
    profile: string;
    goal: "agent" | "chat" | "context" | "throughput";
    outcome?: "done" | "interrupted" | "running";
    begun_at: string;
    seconds?: number;
    version?: string;
    command?: string;
    engine?: string;
    engine_version?: string;
    devices?: string;
    files?: string;
    unit?: string;
    measured?: string;
    varied?: (VariedFlag)[];
    grid?: number;
    loads?: number;
    trials?: (TuningTrial)[];
    front?: (number)[];
    today?: Spread | null;
    best?: Spread | null;
    best_trial?: number | null;
    verdict?: "" | "better" | "same" | "unproven";
    changes?: Record<string, string | null>;
    contributions?: (Contribution)[];
    notes?: (string)[];
    applied_at?: string;
}

export interface TuningChanged {
    type: "tuning";
    seq?: number;
    time?: string;
    tuning: TuningNow;
}

export interface TuningList {
    tunings: (TuningSummary)[];
    running?: TuningNow | null;
}

export interface TuningNow {
    profile: string;
    goal: "agent" | "chat" | "context" | "throughput";
    outcome?: "done" | "interrupted" | "running";
    step?: string;
    trials?: number;
    loads?: number;
    eta?: number | null;
    gain?: number | null;
    best?: Record<string, string | null>;
    tuning?: number;
}

export interface TuningSummary {
    id: number;
    profile: string;
    goal: "agent" | "chat" | "context" | "throughput";
    outcome: "done" | "interrupted" | "running";
    begun_at: string;
    seconds?: number;
    loads?: number;
    trials?: number;
    verdict?: string;
    gain?: number | null;
    applied_at?: string;
}

export interface TuningTrial {
    number: number;
    choices: Record<string, string>;
    changes?: Record<string, string | null>;
    state?: "failed" | "interrupted" | "measured" | "pruned" | "same";
    why?: string;
    same_as?: number | null;
    score?: Spread | null;
    prompt?: number | null;
    generation?: number | null;
    context?: number | null;
    free_mib?: number | null;
    layers?: number | null;
    layers_on_devices?: number | null;
    experts_in_ram?: number | null;
    graph_splits?: number | null;
    load_seconds?: number | null;
    seconds?: number;
    repeated?: number;
    beside_traffic?: number;
}

export interface UsageReport {
    since: string;
    until: string;
    rows: (UsageRow)[];
}

export interface UsageRow {
    day: string;
    key: string;
    model: string;
    requests?: number;
    prompt_tokens?: number;
    answer_tokens?: number;
    seconds?: number;
    uncounted?: number;
}

export interface VariantInfo {
    id: string;
    line?: number | null;
    title?: string;
    description?: string;
    aliases?: (string)[];
    bench?: boolean;
    hidden?: boolean;
    settings?: Record<string, unknown>;
    variant_of: string;
}

export interface VariedFlag {
    name: string;
    choices: (string)[];
    why?: string;
}

export interface Verdict {
    state: "degraded" | "unknown" | "verified";
    reasons?: (Reason)[];
    placement?: "degraded" | "unknown" | "verified";
    speed?: "degraded" | "unknown" | "verified";
    generation?: number | null;
    prompt?: number | null;
    expected_generation?: number | null;
    samples?: number;
}

export interface VerdictReached {
    type: "verdict";
    seq?: number;
    time?: string;
    profile: string;
    instance: string;
    verdict: Verdict;
}

export interface Version {
    version?: string;
}

export interface YieldChanged {
    type: "yield";
    seq?: number;
    time?: string;
    yielded?: YieldInfo | null;
}

export interface YieldInfo {
    since: string;
    by: string;
    until?: string | null;
    requests?: "refuse" | "wait";
    leaving?: (string)[];
    staying?: (string)[];
    back?: (string)[];
}

export interface YieldRequest {
    seconds?: number | null;
    now?: boolean;
    by?: string;
    wait?: boolean;
}

export interface YieldResult {
    yielded?: YieldInfo | null;
    back?: (string)[];
}
