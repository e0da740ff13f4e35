"""L-BFGS over many starts at once: one batched evaluation a step, no Python loop over starts."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.searches.base import Objective


@dataclass(frozen=True)
class LBFGS:
    """Full steps without line search, as the published attacks run it, with the best iterate kept.

    A start whose value overflows or explodes goes back to its best point with an empty memory and takes
    shorter steps, which grow again as it improves. Stops early once no start improved by `stall_ratio`
    within `stall_window` steps.

    Source: Nocedal and Wright 2006, equations 7.24 to 7.29 (compact form of the inverse Hessian).
    """

    iterations: int = 400
    history: int = 40
    stall_window: int = 30
    stall_ratio: float = 1e-2
    explosion: float = 1e3

    def minimise(self, objective: Objective, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Best points (R, d) and their values (R,) from starts (R, d)."""
        state = _State.at(objective, starts, self.history)
        ceiling = state.best_value + self.explosion * state.best_value.abs()
        past: list[Tensor] = []
        for _ in range(self.iterations):
            state.step(objective, ceiling)
            past.append(state.best_value)
            if self._stalled(past):
                break
        return state.best_point, state.best_value

    def _stalled(self, past: list[Tensor]) -> bool:
        if len(past) <= self.stall_window:
            return False
        before, now = past[-1 - self.stall_window], past[-1]
        return bool((before - now <= self.stall_ratio * before.abs()).all())


class _State:
    """Current and best iterates and the curvature pairs S, Y (R, m, d) of every start."""

    def __init__(self, point: Tensor, value: Tensor, gradient: Tensor, history: int) -> None:
        self.point, self.value, self.gradient = point, value, gradient
        self.best_point, self.best_value, self.best_gradient = point, value, gradient
        self.S = point.new_zeros(point.shape[0], history, point.shape[1])
        self.Y = torch.zeros_like(self.S)
        self.scale = _unit_step(gradient)
        self.reach = torch.full_like(value, torch.inf)

    @classmethod
    def at(cls, objective: Objective, point: Tensor, history: int) -> "_State":
        value, gradient = objective(point)
        return cls(point, value, gradient, history)

    def step(self, objective: Objective, ceiling: Tensor) -> None:
        step = _inverse_hessian_times(self.S, self.Y, self.scale, self.gradient)
        length = step.norm(dim=1).clamp_min(torch.finfo(step.dtype).tiny)
        point = self.point - (self.reach / length).clamp_max(1.0)[:, None] * step
        value, gradient = objective(point)
        sound = torch.isfinite(value) & torch.isfinite(gradient).all(1) & (value <= ceiling)
        self._remember(point - self.point, gradient - self.gradient, sound)
        self.point, self.value, self.gradient = point, value, gradient
        if not bool(sound.all()):
            self._recover(~sound, length)
        self._keep_best()

    def _remember(self, moved: Tensor, turned: Tensor, sound: Tensor) -> None:
        curvature = (moved * turned).sum(1)
        usable = sound & (curvature > 1e-10 * turned.norm(dim=1) * moved.norm(dim=1))
        pair = usable[:, None]
        self.S = torch.cat((self.S[:, 1:], torch.where(pair, moved, 0.0)[:, None]), dim=1)
        self.Y = torch.cat((self.Y[:, 1:], torch.where(pair, turned, 0.0)[:, None]), dim=1)
        newest = curvature / turned.square().sum(1).clamp_min(torch.finfo(turned.dtype).tiny)
        self.scale = torch.where(usable, newest, self.scale)

    def _recover(self, lost: Tensor, length: Tensor) -> None:
        row, block = lost[:, None], lost[:, None, None]
        self.point = torch.where(row, self.best_point, self.point)
        self.gradient = torch.where(row, self.best_gradient, self.gradient)
        self.value = torch.where(lost, self.best_value, self.value)
        self.S, self.Y = torch.where(block, 0.0, self.S), torch.where(block, 0.0, self.Y)
        self.scale = torch.where(lost, _unit_step(self.gradient), self.scale)
        self.reach = torch.where(lost, 0.3 * torch.minimum(length, self.reach), self.reach)

    def _keep_best(self) -> None:
        better = self.value < self.best_value
        self.reach = torch.where(better, 2 * self.reach, self.reach)
        self.best_point = torch.where(better[:, None], self.point, self.best_point)
        self.best_gradient = torch.where(better[:, None], self.gradient, self.best_gradient)
        self.best_value = torch.where(better, self.value, self.best_value)


def _unit_step(gradient: Tensor) -> Tensor:
    """Step sizes (R,) that move no point further than 1 in the l1 norm."""
    return (1 / gradient.abs().sum(1).clamp_min(1e-30)).clamp_max(1.0)


def _inverse_hessian_times(S: Tensor, Y: Tensor, scale: Tensor, gradient: Tensor) -> Tensor:
    """H g for every start, where empty pairs are zero rows; shapes (R, m, d), (R,), (R, d)."""
    gamma, column = scale[:, None, None], gradient[:, :, None]
    SY = S @ Y.transpose(1, 2)
    D = SY.diagonal(dim1=1, dim2=2)
    R = torch.triu(SY) + torch.diag_embed((D == 0).to(SY.dtype))
    u = torch.linalg.solve_triangular(R, S @ column, upper=True)
    inner = D[:, :, None] * u + gamma * (Y @ (Y.transpose(1, 2) @ u)) - gamma * (Y @ column)
    w = torch.linalg.solve_triangular(R.transpose(1, 2), inner, upper=False)
    product: Tensor = gamma * column + S.transpose(1, 2) @ w - gamma * (Y.transpose(1, 2) @ u)
    return product[:, :, 0]
