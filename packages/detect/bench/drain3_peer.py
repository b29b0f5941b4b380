"""Runs Drain3 over samples read from standard input as JSON {name: [line, ...]}, with its defaults or generic masks."""
import json
import sys
import time

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

GENERIC = [
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-fA-F0-9]+)((?=[^A-Za-z0-9])|$)", "*"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "*"),
]


def main():
    masks = [MaskingInstruction(pattern, name) for pattern, name in GENERIC] if sys.argv[1] == "generic" else []
    ids, templates, seconds = {}, {}, 0.0
    for name, lines in json.load(sys.stdin).items():
        config = TemplateMinerConfig()
        config.masking_instructions = masks
        miner = TemplateMiner(config=config)
        started = time.perf_counter()
        given = [miner.add_log_message(line)["cluster_id"] for line in lines]
        seconds += time.perf_counter() - started
        texts = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
        ids[name] = [str(each) for each in given]
        templates[name] = [texts[each] for each in given]
    json.dump({"ids": ids, "templates": templates, "seconds": seconds}, sys.stdout)


main()
