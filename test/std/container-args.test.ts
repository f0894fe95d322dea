import { expect, test } from "vitest";
import { whyNotContainerArg } from "../../src/std/container-args.ts";

test.each([
  "--rm",
  "--rm=false",
  "-d",
  "-dit",
  "-it",
  "-Pd",
  "-astderr",
  "--detach=true",
  "--name=mine",
  "--name",
  "--replace",
  "--cidfile=/tmp/id",
  "--restart=always",
  "--pod=new:p",
  "--pull=always",
  "--log-driver=journald",
  "--gpus",
  "--gpus=all",
  "--device=nvidia.com/gpu=all",
  "--label=io.orch.worker=7",
  "-lio.orch.worker=7",
  "--",
  "a\0b",
])("%j is orch's own to say", (arg) => {
  expect(whyNotContainerArg(arg)).toEqual(expect.any(String));
});

test.each([
  "--cap-add=SYS_NICE",
  "--cap-add",
  "SYS_NICE",
  "--ulimit=nofile=1024:1024",
  "--device=/dev/fuse",
  "--label=team=vision",
  "--restartless",
  "-v/data:/data",
  "-eid=3",
  "-e",
  "-P",
  "-hadd",
  "--init",
  "--tmpfs=/t",
])("%j is the owner's to say", (arg) => {
  expect(whyNotContainerArg(arg)).toBe(null);
});
