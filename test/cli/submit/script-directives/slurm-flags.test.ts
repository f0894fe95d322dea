import { describe, expect, it } from "vitest";
import { readHead } from "../../../../src/cli/submit/script-directives/read-head.ts";
import { slurmFlags } from "../../../../src/cli/submit/script-directives/slurm-flags.ts";
import { readOptions } from "../../../../src/cli/submit/script-directives/slurm-options.ts";

const parse = (...lines: string[]) => {
  const directives = readHead(["#!/bin/bash", ...lines.map((line) => `#SBATCH ${line}`)].join("\n"));
  const options = readOptions(directives);
  return { ...slurmFlags(options), unknown: options.unknown };
};

describe("the head of a script", () => {
  it("goes to the first command, past comments and empty lines", () => {
    const script = "#!/bin/sh\n# a comment\n\n#SBATCH -J a\n  # more\n#ORCH --gpus 1\necho x\n#SBATCH -J b\n";
    expect(readHead(script)).toEqual([
      { kind: "SBATCH", line: 4, words: ["-J", "a"] },
      { kind: "ORCH", line: 6, words: ["--gpus", "1"] },
    ]);
  });

  it.each([
    ["#SBATCH --comment='a b' -J c", ["--comment=a b", "-J", "c"]],
    ['#SBATCH --comment="it\'s" # why', ["--comment=it's"]],
    ["#SBATCH --comment=a\\ b", ["--comment=a b"]],
    ["#SBATCH\t-J\tx", ["-J", "x"]],
    ["#SBATCH --comment=''", ["--comment="]],
    ["#SBATCH -J x\r", ["-J", "x"]],
  ])("%j has the words %j", (line, words) => {
    expect(readHead(line)).toEqual([{ kind: "SBATCH", line: 1, words }]);
  });

  it.each(["##SBATCH -J x", " #SBATCH -J x", "# SBATCH -J x", "#SBATCHX -J x", "#sbatch -J x"])(
    "%j is a comment",
    (line) => expect(readHead(line)).toEqual([]),
  );

  it("refuses a quote that does not end", () => {
    const head = "#!/bin/sh\n#SBATCH --comment='a";
    expect(() => readHead(head)).toThrow("line 2: the quote ' does not end");
  });
});

describe("options of sbatch", () => {
  it.each<[string, string[]]>([
    ["--gres=gpu:2", ["--gpus=2"]],
    ["--gres=gpu", ["--gpus=1"]],
    ["--gres=gres/gpu:3", ["--gpus=3"]],
    ["--gpus=2", ["--gpus=2"]],
    ["-G 2", ["--gpus=2"]],
    ["-G2", ["--gpus=2"]],
    ["--gpus-per-node=4", ["--gpus=4"]],
    ["--gpus-per-task=2 -n 2", ["--gpus=4", "--cpus=2"]],
    ["--time=90", ["--time=5400s"]],
    ["--time=90:30", ["--time=5430s"]],
    ["--time=1:30:05", ["--time=5405s"]],
    ["-t 2-12", ["--time=216000s"]],
    ["-t 2-12:30", ["--time=217800s"]],
    ["-t 1-00:00:10", ["--time=86410s"]],
    ["--time=UNLIMITED", []],
    ["--time=0", []],
    ["--array=0-9%2", ["--array=0-9%2"]],
    ["-a 1,3,5-9:2", ["--array=1,3,5-9:2"]],
    ["--dependency=afterok:1:2,afterany:3", ["--after", "1,2", "--after-any", "3"]],
    ["-d afternotok:7", ["--after-failed", "7"]],
    ["--job-name=train", ["--label=train"]],
    ["-Jtrain", ["--label=train"]],
    ["-J lr=0.1", ["--label=lr-0.1"]],
    ["--comment='for the paper'", ["--label=comment=for the paper"]],
    ["--begin=now+1hour", ["--begin=now+1hour"]],
    ["--begin=16:00", ["--begin=16:00"]],
    ["--begin=2030-01-20T12:34:00", ["--begin=2030-01-20T12:34:00"]],
    ["--begin=012030", ["--begin=2030-01-20"]],
    ["--begin=01/20/30-12:34", ["--begin=2030-01-20T12:34"]],
    ["--mem=4G", [`--ram=${4 * 2 ** 30}B`]],
    ["--mem=500", [`--ram=${500 * 2 ** 20}B`]],
    ["--mem=0", []],
    ["--mem-per-cpu=1G -c 4", ["--cpus=4", `--ram=${4 * 2 ** 30}B`]],
    ["--mem-per-gpu=8G --gres=gpu:2", ["--gpus=2", `--ram=${16 * 2 ** 30}B`]],
    ["--cpus-per-task=8", ["--cpus=8"]],
    ["-c 2 -n 3", ["--cpus=6"]],
    ["--cpus-per-gpu=4 --gpus=2", ["--gpus=2", "--cpus=8"]],
    ["--nice", ["--priority=-100"]],
    ["--nice=50", ["--priority=-50"]],
    ["--nice=-5000", ["--priority=1000"]],
    ["--chdir=/data", ["--chdir=/data"]],
    ["-D /data", ["--chdir=/data"]],
    ["--export=NONE", ["--export=NONE"]],
    ["--output=logs/%x-%j.out -e err", ["--output=logs/%x-%j.out", "--error=err"]],
    ["--output=o --open-mode=append", ["--output=o", "--append"]],
    ["--signal=B:USR1@120", ["--signal=B:USR1@120"]],
    ["--requeue", ["--preemptible"]],
    ["-H", ["--hold"]],
    ["--deadline=2030-01-20", ["--deadline=2030-01-20"]],
  ])("%s is %j", (line, argv) => {
    expect(parse(line)).toMatchObject({ argv, unknown: [] });
  });

  it("count as they were given last", () => {
    expect(parse("--gpus=1 --time=1", "--gpus=3").argv).toEqual(["--gpus=3", "--time=60s"]);
  });

  it("that make no difference on one host are named together", () => {
    const lines = ["-p gpu --account=lab --qos high", "--mail-type=END --mail-user=a@b", "-N 1 --ntasks=1"];
    expect(parse(...lines)).toMatchObject({
      argv: [],
      unknown: [],
      idle: ["--partition", "--account", "--qos", "--mail-type", "--mail-user", "--nodes", "--ntasks"],
    });
  });

  it("that are unknown are named with their lines, and those nearest to them", () => {
    expect(parse("--gpu=2 -J x", "--frobnicate very --time=1", "-Z").unknown).toEqual([
      { option: "--gpu", line: 2, near: "--gpus" },
      { option: "--frobnicate", line: 3, near: undefined },
      { option: "-Z", line: 4, near: undefined },
    ]);
    expect(parse("--frobnicate very --time=1").argv).toEqual(["--time=60s"]);
  });

  it("that orch understands but cannot keep are named", () => {
    expect(parse("--gres=gpu:a100:2,shard:4")).toMatchObject({
      argv: ["--gpus=2"],
      unkept: ["the GPU type a100", "--gres=shard:4"],
    });
  });

  it.each([
    ["--nodes=2", "line 2: --nodes: 2 nodes are one host too many"],
    ["-N 2-4", "line 2: --nodes: 2-4 nodes are one host too many"],
    ["--time=soon", 'line 2: --time: "soon" is not a time limit'],
    ["--mem=lots", 'line 2: --mem: "lots" is not an amount of memory'],
    ["--gpus=:", 'line 2: --gpus: ":" is not a number of GPUs'],
    ["-c some", 'line 2: --cpus-per-task: "some" is not a whole number'],
    ["--dependency=afterok:1?afterany:2", 'the dependency "afterok:1?afterany:2" cannot be kept'],
    ["--dependency=singleton", 'the dependency "singleton" cannot be kept'],
    ["--dependency=after:1+5", 'the dependency "after:1+5" cannot be kept'],
    ["--dependency=afterok", 'the dependency "afterok" names no job of orch'],
    ["--dependency=afterok:12_3", 'the dependency "afterok:12_3" names no job of orch'],
    ["--open-mode=both", '"both" is neither append nor truncate'],
    ["--job-name", "line 2: --job-name has no value"],
    ["train.py", 'line 2: "train.py" is no option of sbatch'],
  ])("%s is refused", (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});
