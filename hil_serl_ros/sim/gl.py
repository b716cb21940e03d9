"""An off-screen OpenGL context by what works on this machine: EGL or OSMesa."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from typing import Any

import mujoco

from hil_serl_ros.settings import SettingError

BACKENDS = ("egl", "osmesa")
PACKAGES = "install the Debian packages libegl1 and libgl1-mesa-dri (MUJOCO_GL=egl), or libosmesa6 (MUJOCO_GL=osmesa)"
# What PyOpenGL and MuJoCo raise for a library that is missing or broken: almost anything.
BROKEN = (ImportError, AttributeError, RuntimeError, OSError, TypeError, mujoco.FatalError)

EGL_PLATFORM_DEVICE = 0x313F  # EGL_EXT_platform_device
MOST_DEVICES = 16


def opened(model: mujoco.MjModel) -> tuple[str, Any, mujoco.MjrContext]:
    """The backend's name, its context, current in this thread, and MuJoCo's for ``model``, drawing off screen.

    The variable MUJOCO_GL, if set, decides; else EGL is tried, then OSMesa.

    Raises:
        SettingError: none works; the sentence names what brings one.
    """
    wanted = os.environ.get("MUJOCO_GL", "").strip().lower()
    if wanted and wanted not in BACKENDS:
        raise SettingError(f"MUJOCO_GL is {wanted!r}; cameras are rendered off screen by {' or '.join(BACKENDS)}")
    faults = []
    for backend in (wanted,) if wanted else BACKENDS:
        try:
            return backend, *_open(backend, model)
        except BROKEN as error:
            faults.append(f"{backend}: {' '.join(str(error).split()) or type(error).__name__}")
    raise SettingError(f"the cameras cannot be rendered ({'; '.join(faults)}); {PACKAGES}")


def _open(backend: str, model: mujoco.MjModel) -> tuple[Any, mujoco.MjrContext]:
    if backend == "egl" and not egl_has_a_device():
        raise RuntimeError("no device can be used")
    # PyOpenGL settles for one platform when it is imported; a failed one must not decide for the next.
    os.environ["PYOPENGL_PLATFORM"] = backend
    for module in [name for name in sys.modules if name.split(".")[0] == "OpenGL"]:
        del sys.modules[module]
    sys.modules.pop(f"mujoco.{backend}", None)
    made = importlib.import_module(f"mujoco.{backend}").GLContext(
        model.vis.global_.offwidth, model.vis.global_.offheight
    )
    made.make_current()
    context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)
    return made, context


def egl_has_a_device() -> bool:
    """Whether EGL finds a device to draw on without a screen, asked as MuJoCo asks.

    Asked here first, because PyOpenGL loads libEGL for the whole process: MuJoCo then takes OpenGL's functions from it
    for ever, and OSMesa cannot be used any more.
    """
    try:
        egl = ctypes.CDLL("libEGL.so.1")
        address = egl.eglGetProcAddress
    except (OSError, AttributeError):
        return False
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    pointer, integer = ctypes.c_void_p, ctypes.c_int32
    query, display = address(b"eglQueryDevicesEXT"), address(b"eglGetPlatformDisplayEXT")
    if not query or not display:
        return False
    devices, count = (pointer * MOST_DEVICES)(), integer(0)
    query_devices = ctypes.CFUNCTYPE(ctypes.c_uint, integer, pointer, pointer)(query)
    platform_display = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(display)
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    if not query_devices(MOST_DEVICES, ctypes.addressof(devices), ctypes.addressof(count)):
        return False
    displays = (platform_display(EGL_PLATFORM_DEVICE, devices[i], None) for i in range(count.value))
    return any(shown and egl.eglInitialize(shown, None, None) for shown in displays)
