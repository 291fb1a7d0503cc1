"""Holds the scaling in gpu.yaml to scaling.json, which its model is tested with."""

import json
import pathlib
import sys

from template import template

HERE = pathlib.Path(__file__).parent


def deployed(template):
    """The scaling that gpu.yaml deploys, in the form of scaling.json."""
    defaults = {name: p.get("Default") for name, p in template["Parameters"].items()}
    of = {name: r.get("Properties", {}) for name, r in template["Resources"].items()}
    tracking = of["BacklogPolicy"]["TargetTrackingScalingPolicyConfiguration"]
    wake = of["WakePolicy"]["StepScalingPolicyConfiguration"]
    sleep = of["SleepPolicy"]["StepScalingPolicyConfiguration"]
    threshold = of["WakeAlarm"]["Threshold"]
    return {
        "target_backlog_s": defaults[tracking["TargetValue"]["Ref"]],
        "proving_default_s": defaults["ProvingSecondsDefault"],
        "provers_max": defaults[of["ProverCount"]["MaxCapacity"]["Ref"]],
        "scale_out_cooldown_s": tracking["ScaleOutCooldown"],
        "scale_in_cooldown_s": tracking["ScaleInCooldown"],
        "wake": {
            "cooldown_s": wake["Cooldown"],
            "steps": [
                {"from_provers": threshold + s["MetricIntervalLowerBound"], "add": s["ScalingAdjustment"]}
                for s in wake["StepAdjustments"]
            ],
        },
        "sleep": {
            "idle_minutes": of["SleepAlarm"]["EvaluationPeriods"] * of["SleepAlarm"]["Period"] // 60,
            "cooldown_s": sleep["Cooldown"],
        },
    }


def gaps(template):
    """Steps of the wake policy that do not end where the next one begins."""
    wake = template["Resources"]["WakePolicy"]["Properties"]["StepScalingPolicyConfiguration"]
    steps = wake["StepAdjustments"]
    ends = [step.get("MetricIntervalUpperBound") for step in steps]
    return [end for end, after in zip(ends, steps[1:]) if end != after["MetricIntervalLowerBound"]]


def main():
    gpu = template(HERE / "gpu.yaml")
    expected = json.loads((HERE / "scaling.json").read_text())
    found = deployed(gpu)
    if found != expected:
        sys.exit(f"gpu.yaml and scaling.json differ: expected {expected}, found {found}")
    if gaps(gpu):
        sys.exit(f"steps of the wake policy leave gaps at {gaps(gpu)}")


if __name__ == "__main__":
    main()
