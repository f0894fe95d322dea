import { Argument } from "commander";
import { command } from "../command.ts";
import { completionScript, type Shell, shells } from "../complete/shell-scripts.ts";

export const completion = command({
  name: "completion",
  summary: "Print the completion of a shell: commands, flags, jobs, runtimes and their parameters",
  examples: [
    'eval "$(orch completion bash)"                             # in ~/.bashrc',
    'eval "$(orch completion zsh)"                              # in ~/.zshrc, after compinit',
    "orch completion fish > ~/.config/fish/completions/orch.fish",
  ],
  withoutJson: { why: "on its stdout is a script for the shell", hint: "orch completion bash" },
  describe: (parser) => parser.addArgument(new Argument("<shell>", "bash, zsh or fish").choices([...shells])),
  async run({ out }, [shell]) {
    out.write(completionScript(shell as Shell));
    return 0;
  },
});
