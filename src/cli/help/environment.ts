type Row = readonly [name: string, meaning: string];

/** Variables that steer orch. */
export const readVariables: readonly Row[] = [
  ["ORCH_HOME", "puts everything under one folder: config, state, cache, socket"],
  ["ORCH_SOCKET", "the daemon's socket, where it is not in its usual place"],
  ["ORCH_AUTOSTART", "0: commands do not start the daemon (as --no-autostart)"],
  ["ORCH_GPUS", "where the daemon sees GPUs: auto, none, nvml, virtual:2x24GiB … (as --gpus)"],
  ["ORCH_CORRELATION", "correlation id of what is submitted, where --correlation does not say"],
  ["ORCH_DEBUG", "1: errors come with their code and where they arose"],
  ["ORCH_NO_COLOR, NO_COLOR", "not empty: no colours; FORCE_COLOR=1: colours in pipes, too"],
  ["ORCH_NVML_LIBRARY, ORCH_CUDA_LIBRARY", "paths of libnvidia-ml.so.1 and libcuda.so.1"],
  ["XDG_CONFIG_HOME and its like", "where config, state, cache and socket are: orch paths"],
];

/** Variables that every job finds. */
export const jobVariables: readonly Row[] = [
  ["ORCH_JOB", "number of the job"],
  ["ORCH_ATTEMPT", "which run of it this is, from 1"],
  ["ORCH_CORRELATION", "its correlation id; jobs that it submits inherit it"],
  ["ORCH_WORKER, ORCH_INSTANCE, ORCH_FENCE", "worker, daemon and fence: labels of its programs"],
  ["ORCH_ARRAY_ID, ORCH_ARRAY_INDEX", "of a job of an array: the array, and its number there"],
  ["ORCH_SWEEP_NAME", "of a sweep: the value of the parameter NAME"],
  ["ORCH_PREEMPTIONS", "how often it had to make way"],
  ["ORCH_RESUME", "1 when it runs again after that"],
  ["ORCH_VRAM_BYTES", "memory it may use on each of its GPUs"],
  ["CUDA_VISIBLE_DEVICES and its like", "its GPUs, and no others"],
];

/** Variables that a runtime's program finds beside them. */
export const workerVariables: readonly Row[] = [
  ["ORCH_RUNTIME", "name of the runtime"],
  ["ORCH_LOAD", "its load params, as JSON"],
  ["ORCH_SLOTS", "jobs that it gets at once"],
  ["ORCH_SOCKET", "protocol orch: where it has to listen"],
  ["PORT, ORCH_PORT", "servers of others: the port they have to listen on"],
  ["ORCH_PARAMS", "protocol exec: a JSON file with the params"],
  ["ORCH_OUTPUT_DIR", "protocol exec: folder for its files"],
  ["ORCH_EVENTS", "protocol exec: where it may write progress and results"],
  ["ORCH_TERMINAL", "set for what runs in a terminal of orch"],
];

/** Variables of Slurm that a script with #SBATCH lines finds. */
export const slurmVariables: readonly Row[] = [
  ["SLURM_JOB_ID, SLURM_JOBID", "as ORCH_JOB"],
  ["SLURM_JOB_NAME", "as --job-name, or the name of the script"],
  ["SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID", "as ORCH_ARRAY_ID and ORCH_ARRAY_INDEX"],
  ["SLURM_RESTART_COUNT", "runs before this one, if any"],
  ["SLURM_GPUS_ON_NODE", "number of its GPUs"],
  ["SLURM_CPUS_PER_TASK, SLURM_NTASKS", "as asked for"],
  ["SLURM_SUBMIT_DIR, SLURM_SUBMIT_HOST", "where it was submitted"],
  ["SLURM_JOB_NUM_NODES, SLURM_NNODES", "1"],
];
