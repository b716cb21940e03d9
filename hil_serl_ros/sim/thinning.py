"""Coarser meshes for drawing: a picture of 128 pixels shows a robot of 200,000 triangles in a tenth of them as well."""

from __future__ import annotations

import copy

import mujoco
import numpy as np

LEAST = 200  # triangles; a smaller mesh is left as it is


def thinned(model: mujoco.MjModel, cell: float) -> mujoco.MjModel:
    """A copy of ``model`` to draw, its meshes' vertices joined in cubes of ``cell`` m (vertex clustering, Rossignac
    and Borrel 1993). It must not be simulated: collision meshes are coarse in it too.
    """
    drawn = copy.copy(model)
    for mesh in range(drawn.nmesh):
        start, count = drawn.mesh_faceadr[mesh], drawn.mesh_facenum[mesh]
        if count < LEAST:
            continue
        first = drawn.mesh_vertadr[mesh]
        vertices = drawn.mesh_vert[first : first + drawn.mesh_vertnum[mesh]]
        _, representative, cluster = np.unique(
            np.round(vertices / cell).astype(np.int64), axis=0, return_index=True, return_inverse=True
        )
        faces = representative[cluster.ravel()][drawn.mesh_face[start : start + count]]
        normals = drawn.mesh_facenormal[start : start + count].copy()
        whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
        _, once = np.unique(np.sort(faces[whole], axis=1), axis=0, return_index=True)
        kept = np.flatnonzero(whole)[np.sort(once)]
        drawn.mesh_face[start : start + len(kept)] = faces[kept]
        drawn.mesh_facenormal[start : start + len(kept)] = normals[kept]
        drawn.mesh_facenum[mesh] = len(kept)
    return drawn
