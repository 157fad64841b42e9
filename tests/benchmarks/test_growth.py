from benchmarks import growth
from benchmarks.per_image import per_image
from benchmarks.workload import Workload
from tuning.backbones.registry import BACKBONES


def test_steps_are_measured_on_more_and_more_images(workload: Workload) -> None:
    grown = growth.run(workload)
    whole = workload.images("train")
    assert [each.images for each in grown] == [whole // 4, whole // 2, whole]
    for each in grown:
        assert min(each.pass_seconds, each.head_seconds, each.leg_seconds) > 0
        layout = per_image("googlenet", 64)
        filled = layout.first_cuts(BACKBONES["googlenet"])
        of_image = sum(map(layout.bytes_of, filled))
        header = 128 * len(filled)
        assert each.bytes == of_image * each.images + header
    assert growth.table(workload, grown).row_count == 3
