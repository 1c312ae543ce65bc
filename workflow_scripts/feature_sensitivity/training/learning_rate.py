"""Learning-rate schedules, advanced after each batch."""

from torch.optim import Optimizer, lr_scheduler

from feature_sensitivity.config.training import TrainingSettings


def learning_rate_schedule(
    optimizer: Optimizer, settings: TrainingSettings, *, batches_per_epoch: int
) -> lr_scheduler.LRScheduler:
    """Return the schedule of the settings."""
    total = settings.epochs * batches_per_epoch
    if settings.schedule == "step":
        milestones = [batch for batch in (total // 2, total * 3 // 4) if batch > 0]
        return lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    if settings.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, total)
    if settings.schedule == "one_cycle":
        # One step more than there are batches: the scheduler is also advanced after the last one.
        return lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total + 1, cycle_momentum=False)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)
